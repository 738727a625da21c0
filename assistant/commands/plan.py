"""`citewell plan`: what a large corpus needs in memory, disk, GPU hours and Qdrant nodes, and what that rests on."""

from __future__ import annotations

import math
from typing import Any

import click

from assistant.commands import output
from ingest.planning import BYTES_A_DIMENSION, Plan
from ingest.planning import plan as plan_for

_STEPS = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


class Finite(click.FloatRange):
    """A number above 0, and not infinite."""

    name = "number"

    def __init__(self) -> None:
        super().__init__(0, 1e18, min_open=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number; NaN is none."""
        number = float(super().convert(value, param, ctx))
        if math.isnan(number):
            self.fail(f"{value!r} is not a number.", param, ctx)
        return number


@click.command(
    epilog=output.example(
        "citewell plan --documents 37e6",
        "citewell plan --documents 37e6 --dimensions 1024 --quantization scalar --replicas 2 --gpus 8",
        "citewell plan --documents 5e5 --tokens-per-second 40000 --json",
    )
)
@click.option("--documents", type=Finite(), required=True, help="How many, e.g. 37e6.")
@click.option("--dimensions", type=Finite(), help="Of a vector.")
@click.option("--passages-per-document", type=Finite())
@click.option("--tokens-per-passage", type=Finite())
@click.option("--payload-bytes", type=Finite(), help="Text and metadata of a passage.")
@click.option("--terms-per-passage", type=Finite(), help="Distinct words of a passage.")
@click.option("--parameters", type=Finite(), help="Of the embedding model.")
@click.option("--flops", type=Finite(), help="Operations a second of one GPU.")
@click.option("--utilization", type=click.FloatRange(0, 1, min_open=True), help="Share of them that is reached.")
@click.option("--tokens-per-second", type=Finite(), help="Of one GPU, as measured; goes before the three above.")
@click.option("--node-gigabytes", type=Finite(), help="Memory of one Qdrant node.")
@click.option("--gpus", type=click.IntRange(1, 1_000_000), default=1, show_default=True)
@click.option("--quantization", type=click.Choice(list(BYTES_A_DIMENSION)), help="One kind (default: all, compared).")
@click.option("--replicas", type=click.IntRange(1, 64), default=1, show_default=True, help="Copies of each shard.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON.")
def plan(
    *,
    documents: float,
    gpus: int,
    quantization: str | None,
    replicas: int,
    tokens_per_second: float | None,
    as_json: bool,
    **given: float | None,
) -> None:
    """Vectors, bytes, memory, disk, GPU hours, nodes and shards for so many documents, with every assumption.

    What is not given is assumed as the list at the end says, each figure with its source. It asks no server and reads
    no index.
    """
    known = {name: value for name, value in given.items() if value is not None}
    made = plan_for(documents, known, replicas=replicas, quantization=quantization, tokens_per_second=tokens_per_second)
    if as_json:
        output.put_json(made.to_json() | {"gpus": gpus, "hours": made.hours(gpus)})
    else:
        _say(made, gpus)


def _say(made: Plan, gpus: int) -> None:
    output.heading(
        f"{made.documents:,.0f} documents, {made.vectors:,.0f} vectors of {_bytes(made.vector_bytes)} in all"
    )
    output.say(
        f"  embedding: {made.tokens:,.0f} tokens, {made.gpu_hours:,.1f} GPU hours: "
        f"{made.hours(gpus):,.1f} hours on {gpus} GPU{'s' if gpus > 1 else ''}"
    )
    copies = "one copy" if made.replicas == 1 else f"{made.replicas} copies"
    output.heading(f"\nQdrant, {copies}")
    output.say("  quantization      memory        disk   nodes  shards")
    for size in made.sizes:
        figures = f"{_bytes(size.memory):>10}  {_bytes(size.disk):>10}  {size.nodes:>6}  {size.shards:>6}"
        output.say(f"  {size.quantization:<12}  {figures}")
    output.heading("\nAssumed")
    for name, one in made.assumptions.items():
        output.say(f"  {name} = {_figure(one.value)}\n      {one.source}")


def _figure(value: float) -> str:
    return f"{value:,.10g}" if value < 1e7 else f"{value:g}"


def _bytes(size: float) -> str:
    unit, name = next(((unit, name) for unit, name in _STEPS if size >= unit), (1.0, "B"))
    return f"{size / unit:,.1f} {name}"

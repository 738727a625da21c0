"""`citewell index diff`: what changed between two indexes."""

from __future__ import annotations

import asyncio
import json

import click

from assistant.commands import output
from assistant.commands.options import Loaded, for_index, with_settings
from configs.settings import Settings
from ingest.index.difference import Difference, difference
from ingest.index.open import open_index
from ingest.text import one_line

# Of each kind, so many documents are named; --json names all.
_MOST_NAMED = 20


@click.command(epilog=output.example("citewell index diff papers papers-2024", "citewell index diff a b --json"))
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON, with every document's id.")
@with_settings
def diff(before: str, after: str, *, as_json: bool, loaded: Loaded) -> None:
    """What changed from the index A to the index B: documents, and how the two were made."""
    found = asyncio.run(_compared(for_index(loaded.settings, before), for_index(loaded.settings, after)))
    if as_json:
        output.put_json({"a": before, "b": after, **found.to_json()})
        return
    if found.is_none:
        output.say(f"{before} and {after} hold the same {found.same:,} documents and were made alike.")
        return
    output.heading(f"{found.same:,} documents are the same in {before} and {after}")
    for key, one, other in found.made:
        output.say(f"  {key}: {_value(one)} → {_value(other)}")
    for what, ids in (
        (f"only in {before}", found.only_before),
        (f"only in {after}", found.only_after),
        ("edited", found.edited),
    ):
        output.say(f"  {len(ids):,} {what}")
        for id_ in ids[:_MOST_NAMED]:
            output.say(f"    {one_line(id_)}")
        if len(ids) > _MOST_NAMED:
            output.say(f"    … and {len(ids) - _MOST_NAMED:,} more")


def _value(value: object) -> str:
    return one_line(json.dumps(value, ensure_ascii=False))


async def _compared(before: Settings, after: Settings) -> Difference:
    one = await open_index(before, check=False)
    try:
        other = await open_index(after, check=False) if before.index.name != after.index.name else one
        try:
            return await difference(one, other)
        finally:
            await other.close()
    finally:
        await one.close()

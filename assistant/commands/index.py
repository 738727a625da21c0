"""`citewell index`: what indexes there are, what they hold, and away with one."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from typing import Any

import click

from assistant.commands import output
from assistant.commands.index_diff import diff
from assistant.commands.options import Loaded, for_index, with_settings
from assistant.commands.stages import stages
from configs.settings import Settings
from ingest.facets import summary
from ingest.index.client import SharedIndex
from ingest.index.open import delete_index, list_indexes, open_index, optimize_index
from ingest.text import one_line

_MOST_FACETS = 8


@click.group(epilog=output.example("citewell index list", "citewell index info default --json"))
def index() -> None:
    """List, describe, compare, optimize and delete indexes."""


index.add_command(diff)


@index.command("list", epilog=output.example("citewell index list --json"))
@click.option("--json", "as_json", is_flag=True, help="One line of JSON.")
@with_settings
def list_(*, as_json: bool, loaded: Loaded) -> None:
    """The names of all indexes."""
    names = asyncio.run(list_indexes(loaded.settings))
    if as_json:
        output.put_json(names)
    elif not names:
        output.say("There is no index yet. citewell ingest PATH… makes one.")
    else:
        output.say("\n".join(names))


@index.command(epilog=output.example("citewell index info default"))
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON.")
@with_settings
def info(name: str, *, as_json: bool, loaded: Loaded) -> None:
    """What the index NAME holds now, and how it was made."""
    told = asyncio.run(_info(for_index(loaded.settings, name)))
    if as_json:
        output.put_json(told)
        return
    size = "size unknown" if told["bytes"] is None else f"{told['bytes'] / 2**20:.1f} MiB"
    output.heading(f"{name}: {told['documents']:,} documents, {told['passages']:,} passages, {size}")
    if told["holder"]:
        output.say(f"  held by {told['holder']}, used by {told['others']} others")
    for part, made in told["manifest"]["made_with"].items():
        output.say(f"  {part}: " + ", ".join(f"{key} = {value}" for key, value in made.items()))
    output.say(f"  questions: domain {told['manifest']['domain'] or 'of the settings'}")
    for key, classifier in told["manifest"]["labels"].items():
        given = _counted(told["facets"]["values"].get(key, {}))
        output.say(f"  {key}: labelled by classifier {classifier}" + (f": {one_line(given)}" if given else ""))
    for name, said in _facets(told["facets"]):
        output.say(f"  {name}: {one_line(said)}")


def _facets(facets: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What the index can be filtered by, a line each."""
    if facets["years"]:
        yield "years", "{} to {}".format(*facets["years"])
    for name in ("types", "languages", "flags", "labels"):
        if facets[name]:
            yield name, _counted(facets[name])
    if facets["journals"]:
        yield "journals", f"{facets['journals']:,}"


def _counted(counts: dict[str, int]) -> str:
    shown = ", ".join(f"{value} {count:,}" for value, count in list(counts.items())[:_MOST_FACETS])
    return shown + (f", and {len(counts) - _MOST_FACETS} more" if len(counts) > _MOST_FACETS else "")


@index.command(epilog=output.example("citewell index optimize default"))
@click.argument("name")
@with_settings
def optimize(name: str, *, loaded: Loaded) -> None:
    """Build search graphs (HNSW) over the vectors of the index NAME.

    It takes minutes for a hundred thousand passages, on a copy: meanwhile the index answers as before. ingest does it
    by itself from index.optimize_from new passages on.
    """
    with stages() as tell:
        brought = asyncio.run(optimize_index(for_index(loaded.settings, name), tell))
    if brought is None:
        output.say("A Qdrant server optimizes its collections by itself.")
    else:
        output.say(
            f"{name}: {brought:,} passages brought into the search graph." if brought else f"{name} is optimized."
        )


@index.command(epilog=output.example("citewell index delete old --yes"))
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_settings
def delete(name: str, *, yes: bool, loaded: Loaded) -> None:
    """Delete the index NAME and all it holds."""
    if not yes:
        if not sys.stdin.isatty():
            raise click.UsageError("Nobody is there to confirm; say --yes.")
        click.confirm(f"Delete index {one_line(name)} and all it holds?", abort=True)
    asyncio.run(delete_index(for_index(loaded.settings, name)))
    output.say(f"Deleted {name}.")


@index.command(epilog=output.example("citewell index cache", "citewell index cache --clear"))
@click.option("--clear", is_flag=True, help="Forget every vector.")
@with_settings
def cache(*, clear: bool, loaded: Loaded) -> None:
    """What the embedding cache holds, which all indexes and questions share.

    Clearing it loses nothing that the embedder does not give again; indexes stay as they are.
    """
    output.say(asyncio.run(_cache(loaded.settings, clear=clear)))


async def _cache(settings: Settings, *, clear: bool) -> str:
    from ingest.embedding_cache import open_store

    store = open_store(settings)
    if store is None:
        return "There is none: cache.kind is none."
    try:
        if clear:
            await store.clear()
        return await store.state()
    finally:
        await store.close()


async def _info(settings: Settings) -> dict[str, Any]:
    opened = await open_index(settings, check=False)
    try:
        counts = await opened.counts()
        return {
            "name": opened.name,
            "home": settings.index.home,
            "documents": counts.documents,
            "passages": counts.passages,
            "bytes": await opened.size_bytes(),
            "holder": opened.owner if isinstance(opened, SharedIndex) else None,
            "others": opened.others if isinstance(opened, SharedIndex) else 0,
            "facets": summary(await opened.facets(), opened.manifest.labels),
            "manifest": opened.manifest.to_json(),
        }
    finally:
        await opened.close()

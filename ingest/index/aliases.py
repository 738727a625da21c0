"""Which collection of a Qdrant server holds an index: an alias says so, and moves to another one in one step.

alias citewell-NAME → collection citewell.a-NAME or citewell.b-NAME; the other of the two is where a successor is built.
An index of citewell 0.1 is itself a collection called citewell-NAME, until it is built anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qdrant_client import models

if TYPE_CHECKING:
    from qdrant_client import AsyncQdrantClient

PREFIX = "citewell-"


def slots(name: str) -> tuple[str, str]:
    """The two collections that an index may be in."""
    return f"citewell.a-{name}", f"citewell.b-{name}"


async def collection_of(client: AsyncQdrantClient, name: str) -> str | None:
    """The collection that holds an index now; None where there is no such index."""
    known = {alias.alias_name: alias.collection_name for alias in (await client.get_aliases()).aliases}
    if PREFIX + name in known:
        return str(known[PREFIX + name])
    return PREFIX + name if await client.collection_exists(PREFIX + name) else None


async def free_slot(client: AsyncQdrantClient, name: str) -> str:
    """The collection where a successor of an index belongs, whether there is one yet or not."""
    first, second = slots(name)
    return second if await collection_of(client, name) == first else first


async def point_to(client: AsyncQdrantClient, name: str, collection: str) -> None:
    """Let the name of an index mean this collection from now on; the one that it meant before is deleted."""
    before = await collection_of(client, name)
    operations: list[models.AliasOperations] = []
    if before == PREFIX + name:  # an alias cannot have the name of a collection
        await client.delete_collection(before)
    elif before is not None:
        operations.append(models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=PREFIX + name)))
    created = models.CreateAlias(collection_name=collection, alias_name=PREFIX + name)
    await client.update_collection_aliases([*operations, models.CreateAliasOperation(create_alias=created)])
    if before not in (None, collection, PREFIX + name):
        await client.delete_collection(str(before))


async def names(client: AsyncQdrantClient) -> list[str]:
    """The names of all indexes."""
    aliases = [alias.alias_name for alias in (await client.get_aliases()).aliases]
    collections = [collection.name for collection in (await client.get_collections()).collections]
    return sorted({name.removeprefix(PREFIX) for name in (*aliases, *collections) if name.startswith(PREFIX)})


async def remove(client: AsyncQdrantClient, name: str) -> bool:
    """Delete an index, and what was built beside it; whether there was one."""
    before = await collection_of(client, name)
    if before not in (None, PREFIX + name):
        gone = models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=PREFIX + name))
        await client.update_collection_aliases([gone])
    there = {collection.name for collection in (await client.get_collections()).collections}
    for collection in sorted(there & {PREFIX + name, *slots(name)}):
        await client.delete_collection(collection)
    return before is not None

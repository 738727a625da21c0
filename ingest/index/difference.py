"""What differs between two indexes: their documents, by content hash, and how they were made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ingest.index.base import Index, Manifest


@dataclass(frozen=True)
class Difference:
    """From one index to another; documents by id, in the order of the alphabet."""

    only_before: list[str]
    only_after: list[str]
    edited: list[str]
    """In both, with another title, text or metadata."""
    same: int
    made: list[tuple[str, Any, Any]]
    """What of their manifests differs, as (key, before, after); None where one has no such key."""

    @property
    def is_none(self) -> bool:
        """Whether they hold the same and were made alike."""
        return not (self.only_before or self.only_after or self.edited or self.made)

    def to_json(self) -> dict[str, Any]:
        """As `citewell index diff --json` prints it."""
        made = [{"key": key, "before": before, "after": after} for key, before, after in self.made]
        return {
            "only_before": self.only_before,
            "only_after": self.only_after,
            "edited": self.edited,
            "same": self.same,
            "manifest": made,
        }


async def difference(before: Index, after: Index) -> Difference:
    """Compare what two open indexes hold. Keeps some 150 bytes a document of the first in memory.

    Raises:
        IndexStoreError, ServerError: one of them cannot be read.
    """
    earlier = {stored.id: stored.hash async for stored in before.documents()}
    added: set[str] = set()
    edited: set[str] = set()
    same: set[str] = set()
    async for stored in after.documents():
        known = earlier.get(stored.id)
        (added if known is None else same if known == stored.hash else edited).add(stored.id)
    return Difference(
        only_before=sorted(earlier.keys() - edited - same),
        only_after=sorted(added),
        edited=sorted(edited - same),  # of one that a crash left in two versions, one may be the same
        same=len(same),
        made=_made(before.manifest, after.manifest),
    )


def _made(before: Manifest, after: Manifest) -> list[tuple[str, Any, Any]]:
    earlier, later = _flat(before), _flat(after)
    keys = [*earlier, *(key for key in later if key not in earlier)]
    return [(key, earlier.get(key), later.get(key)) for key in keys if earlier.get(key) != later.get(key)]


def _flat(manifest: Manifest) -> dict[str, Any]:
    made = {f"{part}.{key}": value for part, values in manifest.made_with.items() for key, value in values.items()}
    labels = {f"labels.{key}": model for key, model in manifest.labels.items()}
    return {"format": manifest.format, **made, "domain": manifest.domain, **labels}

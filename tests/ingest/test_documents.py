"""Documents and passages: what makes them the same, and that they survive storage."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import pytest

from configs.settings import ChunkingSettings
from ingest.chunking import passages
from ingest.documents import Document, Passage

BASE = Document("d", "Title", "Text.", {"year": 2020, "tags": ["a", "b"]}, "f:1")


def test_the_hash_is_the_same_on_every_machine_and_day() -> None:
    """Re-running an ingest is free only if the same content has the same hash in another process."""
    script = (
        "from ingest.documents import Document;"
        "print(Document('d', 'Title', 'Text.', {'tags': ['a', 'b'], 'year': 2020}, 'elsewhere:9').hash)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == BASE.hash


@pytest.mark.parametrize(
    "change",
    [
        {"id": "e"},
        {"title": "title"},
        {"text": "Text. "},
        {"metadata": {"year": 2021, "tags": ["a", "b"]}},
        {"metadata": {"year": "2020", "tags": ["a", "b"]}},
        {"metadata": {"year": 2020, "tags": ["b", "a"]}},
        {"metadata": {}},
    ],
)
def test_any_edit_changes_the_hash(change: dict[str, object]) -> None:
    """Whatever is stored counts: an edited year is an edit."""
    edited = dataclasses.replace(BASE, **change)  # type: ignore[arg-type]
    assert edited.hash != BASE.hash


def test_content_is_compared_apart_from_ids_and_metadata() -> None:
    """The same article under two ids has one `text_hash`; where title ends and text begins counts."""
    assert dataclasses.replace(BASE, id="e", metadata={}).text_hash == BASE.text_hash
    assert Document("d", "ab", "c").text_hash != Document("d", "a", "bc").text_hash


def test_a_point_is_its_content() -> None:
    """Storing the same passage twice is one point; another version, ordinal or document is another."""
    long = Document("d", "Title", "A sentence of some length stands here. " * 40)
    first, second = passages(long, ChunkingSettings(size=256, overlap=0))[:2]
    again = passages(dataclasses.replace(long, origin="elsewhere"), ChunkingSettings(size=256, overlap=0))
    edited = passages(dataclasses.replace(long, metadata={"a": 1}), ChunkingSettings(size=256, overlap=0))
    ids = {first.point_id, second.point_id, edited[0].point_id}
    assert len(ids) == 3
    assert again[0].point_id == first.point_id


def test_a_payload_is_the_passage() -> None:
    """What is stored as JSON comes back as it was."""
    (passage,) = passages(BASE, ChunkingSettings())
    assert Passage.from_payload(json.loads(json.dumps(passage.payload()))) == passage


def test_the_title_is_searched_once() -> None:
    """It is analysed with each passage, but not twice where it is all there is."""
    (whole,) = passages(BASE, ChunkingSettings())
    (title_only,) = passages(Document("d", "Title", "Title"), ChunkingSettings())
    assert (whole.searchable, title_only.searchable) == ("Title\nText.", "Title")

"""Sources, results and small corpora for the tests of answering."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from assistant.answering.answer import Answered, Event, Source
from assistant.answering.engine import Engine
from assistant.answering.retrieval import Result
from configs.settings import Settings
from ingest.documents import Document, Passage
from ingest.pipeline import ingest
from ingest.progress import Summary
from tests.support.corpora import Watcher

RECORDS: list[dict[str, Any]] = [
    {
        "id": "metformin",
        "title": "Metformin in type 2 diabetes",
        "abstract": "Metformin is the first-line drug for type 2 diabetes. It lowers HbA1c by 1.1 %. "
        "Is metformin safe in kidney disease? It must be stopped when eGFR falls below 30 ml/min.",
        "year": 2021,
        "journal": "Example Medicine",
    },
    {
        "id": "aspirin",
        "title": "Aspirin after a stroke",
        "abstract": "Aspirin prevents a second stroke. The usual dose is 75 mg a day. It raises the risk of bleeding.",
        "year": 2019,
    },
    {
        "id": "amoxicillin",
        "title": "Amoxicillin for pneumonia",
        "abstract": "Amoxicillin is given for five days in mild pneumonia. Allergy to penicillin forbids it.",
    },
    {
        "id": "ibuprofen-zh",
        "title": "布洛芬的用量",
        "abstract": "布洛芬24小时内最多服用1200毫克。不要与其他止痛药同时服用。",
    },
]


def source(n: int = 1, text: str = "Metformin is the first-line drug.", **changes: Any) -> Source:
    """Make a source, some fields changed."""
    fields: dict[str, Any] = {
        "doc_id": f"doc-{n}",
        "passage": 0,
        "title": "Metformin",
        "start": 0,
        "end": len(text),
        "score": 1.0,
        "hash": "ab" * 16,
        "metadata": {},
    }
    return Source(n=n, text=text, **(fields | changes))


def result(rank: int, text: str, title: str = "", **metadata: Any) -> Result:
    """Make a search result of a one-passage document."""
    document = Document(f"doc-{rank}", title, text, metadata)
    passage = Passage(document.id, 0, title, text, 0, len(text), document.hash, document.text_hash, document.metadata)
    return Result(rank, 1.0 / rank, passage)


async def fill(settings: Settings, path: Path) -> Summary:
    """Ingest one file; nothing in it may be rejected."""
    watcher = Watcher()
    summary = await ingest([str(path)], settings, watcher)
    assert not watcher.rejects
    return summary


async def events(settings: Settings, question: str, **more: Any) -> list[Event]:
    """Every event of one question, the engine opened and closed around it."""
    engine = await Engine.open(settings)
    try:
        return [event async for event in engine.ask(question, **more)]
    finally:
        await engine.close()


def answered(seen: Iterable[Event]) -> Answered:
    """The last event, which has to be an answer."""
    last = list(seen)[-1]
    assert isinstance(last, Answered), last
    return last


def contents(body: Mapping[str, Any]) -> str:
    """What a chat request tells the model, all messages in one."""
    return "\n".join(message["content"] for message in body["messages"])

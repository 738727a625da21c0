"""Which records are searched: the settings' filter or the question's own, and what becomes of retracted ones."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from assistant.answering.answer import Answer, Source
from assistant.answering.explanation import explain
from assistant.answering.retrieval import Searcher
from configs.errors import InputError
from configs.settings import Settings
from ingest.filters import parse
from tests.assistant.answering.examples import answered, events, fill

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import SettingsFactory

QUESTION = "Does aspirin prevent stroke?"
RECORDS: list[dict[str, Any]] = [
    {
        "id": "withdrawn",
        "title": "Aspirin prevents stroke",
        "abstract": "Aspirin prevents stroke. Does aspirin prevent stroke? Yes.",
        "year": 2020,
        "publication_types": ["Randomized Controlled Trial", "Retracted Publication"],
    },
    {
        "id": "trial",
        "title": "Aspirin after stroke",
        "abstract": "Aspirin prevented a second stroke in 12 of 100 patients.",
        "year": 2018,
        "type": "RCT",
        "department": "Neurology",
    },
    {
        "id": "old",
        "title": "Aspirin and stroke: a review",
        "abstract": "Aspirin was thought to prevent stroke.",
        "year": 1990,
        "type": "review",
        "corrected": True,
    },
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder whose default index holds `RECORDS`; nobody writes to it."""
    folder = tmp_path_factory.mktemp("narrowed")
    (folder / "records.jsonl").write_text("".join(json.dumps(record) + "\n" for record in RECORDS), "utf-8")
    asyncio.run(fill(Settings(data_dir=folder), folder / "records.jsonl"))
    return folder


@pytest.fixture
def home(folder: Path, settings: SettingsFactory) -> SettingsFactory:
    """`settings` over that index."""
    return lambda flags=None, **more: settings({"data_dir": folder, **(flags or {})}, **more)


async def search(home: Settings, text: str | None = None, **more: Any) -> tuple[list[str], tuple[str, ...]]:
    """Ids found, and warnings."""
    searcher = await Searcher.open(home)
    try:
        found = await searcher.search(QUESTION, where=None if text is None else parse(text), **more)
        assert found.filter == (home.retrieval.filter if text is None else text)
        return [result.passage.doc_id for result in found.results], found.warnings
    finally:
        await searcher.close()


async def test_a_retracted_record_is_left_out_and_the_reader_told(home: SettingsFactory) -> None:
    """Though it matches best, it is not among the results; that it is missing is said, with how to see it."""
    assert await search(home()) == (
        ["trial", "old"],
        ("1 retracted record was left out; the filter “retracted” brings such.",),
    )


@pytest.mark.parametrize(
    ("text", "found", "told"),
    [
        ("retracted", {"withdrawn"}, ()),
        ("-retracted", {"trial", "old"}, ()),
        ("year>=2000", {"trial"}, ("1 retracted record was left out; the filter “retracted” brings such.",)),
        ("type:review", {"old"}, ()),
        ("", {"trial", "old"}, ("1 retracted record was left out; the filter “retracted” brings such.",)),
        ("year>2030", set(), ("No record passes the filter year>2030",)),
    ],
)
async def test_who_asks_for_retracted_records_gets_them(
    home: SettingsFactory, text: str, found: set[str], told: tuple[str, ...]
) -> None:
    """A filter that names them decides; one that lets nothing pass says so; an empty one goes before the settings'."""
    ids, warnings = await search(home({"retrieval.filter": "year:1990"}), text)
    assert (set(ids), warnings) == (found, told)


async def test_the_settings_filter_and_flag(home: SettingsFactory) -> None:
    """`retrieval.filter` holds where nothing else is said; `retrieval.retracted = "flag"` brings what was retracted."""
    assert await search(home({"retrieval.filter": "year:1990"})) == (["old"], ())
    ids, warnings = await search(home({"retrieval.retracted": "flag"}))
    assert (set(ids), warnings) == ({"withdrawn", "trial", "old"}, ())


async def test_a_misspelt_label_is_no_empty_answer(home: SettingsFactory) -> None:
    """A key that no record carries is an error that names the nearest; one that some carry may match none."""
    with pytest.raises(InputError, match="departement") as caught:
        await search(home(), "-departement:neurology")
    assert "Did you mean department?" in caught.value.fix
    assert await search(home(), "department:surgery") == ([], ("No record passes the filter department:surgery",))
    told = "No record passes the filter department:neurolgy; did you mean department:neurology?"
    assert await search(home(), "department:neurolgy") == ([], (told,))


async def test_what_was_left_out_is_explained(home: SettingsFactory) -> None:
    """`--why` names it and the rank it would have had."""
    searcher = await Searcher.open(home())
    explained = explain(await searcher.search(QUESTION))
    await searcher.close()
    assert explained is not None
    assert "Dropped: withdrawn, passage 0, is retracted; it would have been 1." in list(explained.lines())


async def test_an_answer_tells_its_filter_and_its_sources_their_flags(home: SettingsFactory) -> None:
    """In JSON, and so in sessions and transcripts: which records were searched, and what was retracted or corrected."""
    answer = answered(await events(home(), QUESTION, where=parse("retracted"))).answer
    plain = answered(await events(home(), QUESTION)).answer
    stored = answer.to_json()
    assert stored["filter"] == "retracted"
    assert [(one["doc_id"], one["flags"]) for one in stored["sources"]] == [("withdrawn", ["retracted"])]
    assert Answer.from_json(stored).filter == "retracted"
    assert plain.filter == ""
    assert {source.doc_id: source.evidence.flags for source in plain.sources} == {"trial": (), "old": ("corrected",)}


def test_badges_tell_the_gravest_first() -> None:
    """Retracted, doubted, corrected; then what kind of evidence, when and where."""
    known = {
        "retracted": "2021-03-01",
        "corrections": [{"kind": "ExpressionOfConcernIn"}, {"kind": "ErratumIn"}],
        "study_type": "RCT",
        "year": "2019",
        "source": "A registry",
    }
    source = Source(1, "d", 0, "T", "Text.", 0, 5, 1.0, "hash", known)
    assert source.evidence.badges == (
        ("retracted", "RETRACTED"),
        ("concern", "expression of concern"),
        ("corrected", "corrected"),
        ("type", "randomized controlled trial"),
        ("year", "2019"),
        ("journal", "A registry"),
    )

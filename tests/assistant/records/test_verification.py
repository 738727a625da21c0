"""`transcript verify` finds every kind of tampering, with the hash made anew too, and tells what changed in the index."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assistant.answering.answer import Answer, Answered
from assistant.answering.engine import Engine
from assistant.records import as_html, as_json
from assistant.records.sessions import Session
from assistant.records.transcript import export
from assistant.records.verification import Report, verify
from assistant.records.verification_index import against
from configs.errors import InputError
from configs.settings import GenerationSettings, Settings
from ingest.index.open import delete_index, open_index
from tests.assistant.answering.examples import RECORDS, fill
from tests.assistant.records.test_transcript import session_of
from tests.conftest import CorpusWriter
from tests.support.openai_server import OpenAIServer

REPLY = "Metformin is the first-line drug for type 2 diabetes [1]. It lowers HbA1c by 1.1 % [1].\n\nIt heals all [1]."
Edit = Callable[[dict[str, Any]], object]


pytestmark = pytest.mark.xdist_group("verification")


async def answers_of(settings: Settings) -> Session:
    """Ask a model and then without one: a session with both kinds of answers."""
    without = settings.model_copy(update={"generation": type(settings.generation)()})
    answers: list[Answer] = []
    for used in (settings, without):
        engine = await Engine.open(used)
        try:
            events = [event async for event in engine.ask("What is the first-line drug for type 2 diabetes?")]
        finally:
            await engine.close()
        answers += [event.answer for event in events if isinstance(event, Answered)]
    assert [answer.mode for answer in answers] == ["generated", "quotes"]
    return session_of(*answers)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Session, Settings]:
    """A session with a generated answer and one of quotes, and the settings of the index it was asked of."""
    folder = tmp_path_factory.mktemp("verification")
    (folder / "records.jsonl").write_text("".join(json.dumps(record) + "\n" for record in RECORDS), "utf-8")
    with OpenAIServer() as server:
        server.reply = [REPLY]
        settings = Settings(data_dir=folder / "data", generation=GenerationSettings(url=server.url))
        asyncio.run(fill(settings, folder / "records.jsonl"))
        return asyncio.run(answers_of(settings)), settings


@pytest.fixture
def session(made: tuple[Session, Settings]) -> Session:
    """That session."""
    return made[0]


@pytest.fixture
def asked(made: tuple[Session, Settings]) -> Settings:
    """Its settings; nobody changes this index."""
    return made[1]


async def compared(path: Path, settings: Settings) -> Report:
    """Verify, with the index."""
    report = verify(path)
    assert report.session is not None
    index = await open_index(settings, check=False)
    try:
        await against(report, list(enumerate(report.session.answers, 1)), index)
    finally:
        await index.close()
    return report


async def test_what_was_written_is_verified(session: Session, asked: Settings, tmp_path: Path) -> None:
    """JSON and page pass, offline and against the index: every quote, verdict and passage was looked at."""
    for name in ("a.json", "a.html"):
        report = await compared(export(session, tmp_path / name), asked)
        assert (report.status, report.findings) == ("verified", [])
        assert report.quotes >= 4
        assert report.verdicts >= 4
        assert report.whole == report.passages > 0
        assert {source["state"] for source in report.sources} == {"unchanged"}


@pytest.mark.parametrize("form", ["json", "html", "md"])
async def test_labels_are_carried_and_shown_as_text(form: str, session: Session, tmp_path: Path) -> None:
    """What a source was labelled stands in every form, which is verified, and nothing in a label is markup or an escape."""
    told = {"condition": "neoplasms", "ward": "<b>ICU</b> \x1b[31m"}
    answers = [
        replace(answer, sources=tuple(replace(one, labels=told) for one in answer.sources))
        for answer in session.answers
    ]
    path = export(session_of(*answers), tmp_path / f"a.{form}")
    assert verify(path).status == "verified"
    text = path.read_text("utf-8")
    assert "\x1b" not in text
    if form == "json":
        read = as_json.session_of(json.loads(text))
        assert {json.dumps(one.labels) for answer in read.answers for one in answer.sources} == {json.dumps(told)}
    else:
        assert "condition: neoplasms" in text
        assert "<b>ICU" not in text.replace("\\<b>", "")


async def test_a_transcript_from_before_labels_is_verified(session: Session, tmp_path: Path) -> None:
    """Who keeps one made by an older citewell is not told that it was edited: it is written as it was then."""
    transcript = as_json.document(session)
    assert not any("labels" in source for answer in transcript["answers"] for source in answer["sources"])
    for form in ("json", "html"):
        assert verify(export(session, tmp_path / f"a.{form}")).status == "verified"


EDITS: dict[str, Edit] = {
    "a number in a passage": lambda a: a["sources"][0].update(text=a["sources"][0]["text"].replace("1.1 %", "2.1 %")),
    "a span": lambda a: a["sentences"][1]["checks"][0].update(span=[0, 12]),
    "a span beyond the passage": lambda a: a["sentences"][1]["checks"][0].update(span=[0, 9999]),
    "a quote": lambda a: a["sentences"][1]["checks"][0].update(quote="It lowers HbA1c by 2.1 %."),
    "the sentence's number": lambda a: a["sentences"][1].update(text="It lowers HbA1c by 2.1 %."),
    "a verdict": lambda a: a["sentences"][2].update(support="supported"),
    "a check": lambda a: a["sentences"][2]["checks"][0].update(verdict="supported", score=1.0, reasons=[]),
    "a citation without a source": lambda a: a["sentences"][0].update(citations=[7]),
    "a marker without a source": lambda a: a.update(answer=a["answer"] + " Sure [8]."),
    "where a passage stands": lambda a: a["sources"][0].update(start=5),
    "the status": lambda a: a.update(status="abstained"),
}


@pytest.mark.parametrize("name", EDITS)
@pytest.mark.parametrize("form", ["json", "html"])
async def test_tampering_is_found_even_with_the_hash_made_anew(
    name: str, form: str, session: Session, tmp_path: Path
) -> None:
    """Once the content hash tells; and what the forger's own hash cannot hide is told by what no longer follows."""
    whole = as_json.document(session)
    edited = copy.deepcopy(whole)
    EDITS[name](edited["answers"][0])
    assert edited != whole
    for transcript in (edited, {**edited, "sha256": as_json.content_hash(edited)}):
        text = as_json.written(transcript)
        if form == "html":
            page = as_html.to_html(session)
            text = page.replace(_embedded(whole), _embedded(transcript))
            assert text != page
        path = tmp_path / f"edited.{form}"
        path.write_text(text, "utf-8")
        report = verify(path)
        assert report.status == "failed", name
        assert [one for one in report.findings if one.level == "failed"]


def _embedded(transcript: dict[str, Any]) -> str:
    return as_json.written(transcript).rstrip("\n").translate({ord(c): f"\\u{ord(c):04x}" for c in "<>&"})


async def test_a_forged_quote_is_no_verbatim_quote(session: Session, tmp_path: Path) -> None:
    """An answer of quotes in which one word was changed, everything else recomputed, fails."""
    transcript = as_json.document(session)
    for sentence in transcript["answers"][1]["sentences"]:
        sentence["text"] = sentence["text"].replace("first-line", "last-line")
    transcript["sha256"] = as_json.content_hash(transcript)
    (path := tmp_path / "a.json").write_text(as_json.written(transcript), "utf-8")
    assert any("no verbatim quote" in one.what for one in verify(path).findings)


async def test_an_edit_of_what_the_page_shows_is_found(session: Session, tmp_path: Path) -> None:
    """The data inside is untouched; what the reader sees is not, with the page's own hash made anew or not."""
    page = as_html.to_html(session)
    edited = page.replace("by 1.1 %", "by 9.9 %", 1)
    assert edited != page
    resealed = as_html.sealed(edited)
    for text in (edited, resealed):
        (path := tmp_path / "page.html").write_text(text, "utf-8")
        report = verify(path)
        assert report.status == "failed"
        assert [one.where for one in report.findings] == ["page"]


async def test_markdown_tells_at_least_that_it_was_edited(session: Session, tmp_path: Path) -> None:
    """Its last line is a hash over the rest; it says that no more can be checked."""
    path = export(session, tmp_path / "a.md")
    assert verify(path).status == "verified"
    text = path.read_text("utf-8")
    for edited in (text.replace("1.1 %", "2.1 %", 1), text.rsplit("SHA-256", 1)[0]):
        path.write_text(edited, "utf-8")
        assert verify(path).status == "failed"


async def test_what_changed_in_the_index_is_told_apart(
    session: Session, asked: Settings, corpus: CorpusWriter, tmp_path: Path
) -> None:
    """Edited, gone and made anew are `changed`, not `failed`: the transcript is still genuine."""
    path = export(session, tmp_path / "a.json")
    asked = asked.model_copy(update={"data_dir": tmp_path / "data"})
    await fill(asked, corpus(RECORDS))
    await fill(asked, corpus([{**RECORDS[0], "abstract": RECORDS[0]["abstract"] + " It is cheap."}]))
    report = await compared(path, asked)
    assert report.status == "changed"
    assert {s["state"] for s in report.sources if s["doc_id"] == "metformin"} == {"edited"}

    await delete_index(asked)
    await fill(asked, corpus(RECORDS[1:]))
    report = await compared(path, asked)
    assert report.status == "changed"
    assert {s["state"] for s in report.sources if s["doc_id"] == "metformin"} == {"gone"}
    assert any("made anew" in one.what for one in report.findings)


async def test_an_index_that_says_otherwise_unmasks_a_forger(session: Session, asked: Settings, tmp_path: Path) -> None:
    """A retraction taken out of the metadata, the hash made anew: the index has it otherwise under the same hash."""
    transcript = as_json.document(session)
    transcript["answers"][0]["sources"][0]["metadata"]["journal"] = "The Lancet"
    transcript["sha256"] = as_json.content_hash(transcript)
    (path := tmp_path / "a.json").write_text(as_json.written(transcript), "utf-8")
    report = await compared(path, asked)
    assert report.status == "failed"
    assert "not what the index holds" in report.findings[0].what


async def test_another_citewells_verdicts_may_differ(session: Session, tmp_path: Path) -> None:
    """A better checker is no tampering: of another version's transcript it is told which verdicts changed."""
    transcript = as_json.document(session)
    check = transcript["answers"][0]["sentences"][2]["checks"][0]
    assert check["verdict"] == "unsupported"
    check["verdict"] = transcript["answers"][0]["sentences"][2]["support"] = "partly"
    transcript["citewell"] = "0.0.1"
    transcript["sha256"] = as_json.content_hash(transcript)
    (path := tmp_path / "a.json").write_text(as_json.written(transcript), "utf-8")
    report = verify(path)
    assert report.status == "changed"
    assert report.findings[0].what == "was found partly, and is unsupported when it is checked again"


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[1]", b"\xff\xfe", b"<!doctype html><p>x", b"[" * 100_000, b'{"citewell_transcript": 99}']
)
def test_what_is_no_transcript_is_an_error_in_words(content: bytes, tmp_path: Path) -> None:
    """Neither a traceback nor “verified” for an empty file, a page of somebody's, or a format of the future."""
    (path := tmp_path / "x.json").write_bytes(content)
    with pytest.raises(InputError, match="transcript"):
        verify(path)


DAMAGE: dict[str, Edit] = {
    "answers that are none": lambda t: t.update(answers=[{}, None, 5]),
    "no list of answers": lambda t: t.update(answers=5),
    "no session": lambda t: t.update(session=None),
    "a number for a text": lambda t: t["answers"][0]["sources"][0].update(text=5),
    "a text for a number": lambda t: t["answers"][0]["sources"][0].update(passage="../../x"),
    "a span of texts": lambda t: t["answers"][0]["sentences"][0]["checks"][0].update(span=["a", "b"]),
    "an index that is none": lambda t: t["answers"][0].update(index=["x"]),
    "an unknown verdict": lambda t: t["answers"][0]["sentences"][0]["checks"][0].update(verdict="great"),
    "metadata that is a list": lambda t: t["answers"][0]["sources"][0].update(metadata=[1]),
    "labels that are a list": lambda t: t["answers"][0]["sources"][0].update(labels=[1]),
    "a label that is none": lambda t: t["answers"][0]["sources"][0].update(labels={"ward": ["ICU"]}),
}


@pytest.mark.parametrize("name", DAMAGE)
async def test_a_damaged_transcript_fails_and_does_not_crash(name: str, session: Session, tmp_path: Path) -> None:
    """Whatever a stranger put inside, its hash made anew, it is told as a finding."""
    transcript = copy.deepcopy(as_json.document(session))
    DAMAGE[name](transcript)
    transcript["sha256"] = as_json.content_hash(transcript)
    (path := tmp_path / "x.json").write_text(json.dumps(transcript), "utf-8")
    report = verify(path)
    assert (report.status, report.session) == ("failed", None)

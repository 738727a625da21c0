"""A transcript holds all that its answers rest on, reads back, and is never written over anything."""

from __future__ import annotations

import errno
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from assistant.answering.answer import Answer, Sentence
from assistant.answering.findings import Check
from assistant.answering.support import Reason, Support
from assistant.records.as_json import to_json
from assistant.records.as_markdown import to_markdown
from assistant.records.describe import NOTICE
from assistant.records.sessions import Session, title_of
from assistant.records.transcript import export
from configs.errors import InputError
from tests.assistant.records.examples import answer, source


def session_of(*answers: Answer, **changes: Any) -> Session:
    """Make a session of some answers."""
    begun, last = datetime(2026, 11, 21, 9, 30, tzinfo=UTC), datetime(2026, 11, 21, 9, 42, 7, tzinfo=UTC)
    fields: dict[str, Any] = {
        "id": "20261121-093000-123456-7c1e09",
        "created": begun,
        "updated": last,
        "title": title_of(answers[0].question) if answers else "",
    }
    return Session(**(fields | changes), answers=answers)


WRONG = Support("contradicted", 0.15, (Reason("number", "claimed: “2 %”; the source says “1.1 %”"),), (0, 20))
WHOLE = answer(
    "Does metformin lower HbA1c?\nAnd by how much?",
    text="Yes [1]. It is *well* tolerated [2].",
    sentences=(
        Sentence("Yes.", (1,), checks=(Check(1, WRONG),)),
        Sentence("It is well tolerated.", (2, 1), (7,)),
        Sentence("So it seems."),
    ),
    sources=(
        source(1),
        source(
            2,
            doc_id="doc/2",
            title="",
            text="First line.\nSecond line.\n\nNext paragraph.",
            start=0,
            end=41,
            metadata={"url": "https://example.org/2"},
        ),
    ),
    standalone="Does metformin lower HbA1c in adults?",
    warnings=("The model cited [7], which is no source; struck.",),
)


def test_the_markdown_has_everything_an_answer_rests_on() -> None:
    """A reader without citewell can check each sentence: passage, span, score, address, model, prompt and index are there."""
    text = to_markdown(session_of(WHOLE))
    for expected in (
        "## Question 1\n\n> Does metformin lower HbA1c?\n> And by how much?\n",
        "### Answer 1\n\nYes [1]. It is *well* tolerated [2].\n",
        "- The model cited [7], which is no source; struck.",
        "1. Yes. — [1]; contradicted; claimed: “2 %”; the source says “1.1 %”\n"
        "2. It is well tolerated. — [2] [1]; also named [7], which is no source; unchecked\n"
        "3. So it seems. — cites nothing; unchecked\n",
        "- **Searched for:** Does metformin lower HbA1c in adults?",
        "- **Written by:** example/model",
        "- **Prompt:** 0123456789abcdef",
        "- **Index:** default, id f00d",
        "- **Begun:** 2026-11-21 09:30:00 UTC\n- **Last answer:** 2026-11-21 09:42:07 UTC",
        "#### Source [1]\n\n- **Title:** Metformin in type 2 diabetes\n- **Document:** pmid-1\n",
        "- **Passage:** 0, characters 120 to 174 of the document",
        "- **Address:** <https://doi.org/10.1000/x1>",
        "- **Score:** 0.75",
        "- journal: J Example Med\n- year: 2019\n- type: randomised trial\n",
        "> Metformin lowered HbA1c by 1.1 % (95 % CI 0.9 to 1.3).\n",
        "#### Source [2]\n\n- **Title:** (none)\n- **Document:** doc/2\n",
        "- **Address:** <https://example.org/2>",
        "> First line.\n> Second line.\n>\n> Next paragraph.\n",
    ):
        assert expected in text
    assert text.count(NOTICE) == 1
    assert text.count("not medical advice") == 1


def test_quotes_are_labelled_as_quotes() -> None:
    """Where no model wrote the answer, the transcript says that it is made of verbatim quotes."""
    assert "no model: verbatim quotes" in to_markdown(session_of(answer(mode="quotes", model=None)))


def test_an_abstention_is_told_apart_from_an_answer() -> None:
    """Passages under an abstention are called the nearest ones, not sources."""
    text = to_markdown(session_of(answer(text="The corpus does not answer this.", sentences=())))
    assert "- **Status:** abstained" in text
    assert "### Nearest passages" in text
    assert "### Sources" not in text


def test_answers_lost_to_damage_are_mentioned() -> None:
    """A transcript of a damaged session says that something is missing, instead of passing for the whole."""
    assert "- **Missing:** what stood on these lines of the session's file, which cannot be read: 3, 5" in to_markdown(
        session_of(WHOLE, damaged=(3, 5))
    )


def test_a_document_cannot_forge_what_citewell_says_of_it() -> None:
    """Metadata named like one of citewell's own fields does not look like it."""
    forged = {"Score": "0.99", "**Document:**": "other", "- [a]": "http://evil.example"}
    text = to_markdown(session_of(answer(sources=(source(metadata=forged),))))
    assert text.count("**Score:**") == 1
    assert text.count("**Document:**") == 1
    assert "link_open" not in {child.type for token in MarkdownIt().parse(text) for child in token.children or ()}


def test_long_metadata_is_cut_and_empty_metadata_left_out() -> None:
    """A thousand author names do not bury the passage."""
    metadata = {"authors": ["Some Author"] * 1_000, "abstract_type": None, "pages": ""}
    text = to_markdown(session_of(answer(sources=(source(metadata=metadata),))))
    assert "- authors: Some Author, Some Author" in text
    assert max(map(len, text.splitlines())) < 400
    assert "abstract" not in text
    assert "pages" not in text


def test_the_json_reads_back_as_the_same_answers() -> None:
    """Nothing is lost in the JSON: odd characters, Chinese and half surrogate pairs included."""
    odd = answer("二甲双胍？ \x00\x1b[2J\x9b2J\u202e\u2028 \ud83d", sources=(source(text="\x7f" + "长" * 3_000),))
    text = to_json(session_of(WHOLE, odd, damaged=(4,)))
    read = json.loads(text)
    assert read["citewell_transcript"] == 2
    assert tuple(map(Answer.from_json, read["answers"])) == (WHOLE, odd)
    assert read["session"] == {
        "id": "20261121-093000-123456-7c1e09",
        "created": "2026-11-21T09:30:00+00:00",
        "updated": "2026-11-21T09:42:07+00:00",
        "title": "Does metformin lower HbA1c? And by how much?",
        "damaged": [4],
    }
    assert "二甲双胍" in text
    assert all(character.isprintable() or character == "\n" for character in text.replace("\\", ""))
    text.encode("utf-8")


@pytest.mark.parametrize("name", ["out.md", "out.markdown", "OUT.MD", "out.json"])
def test_the_suffix_decides_and_the_file_is_the_owners(tmp_path: Path, name: str) -> None:
    """The file holds what was asked for, only its owner can read it, and nothing else is left in the folder."""
    session = session_of(WHOLE)
    written = export(session, tmp_path / name)
    assert written.read_text("utf-8") == (to_json(session) if name.endswith("json") else to_markdown(session))
    assert written.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [written]


@pytest.mark.parametrize("name", ["out.txt", "out", "out.pdf", ".md"])
def test_another_suffix_is_refused(tmp_path: Path, name: str) -> None:
    """The error names the suffixes there are."""
    with pytest.raises(InputError, match=r"\.md, \.json, \.html, \.bib, \.ris, \.csl\.json"):
        export(session_of(WHOLE), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_ever_overwritten(tmp_path: Path) -> None:
    """A file, a folder or a dangling link of that name stays as it was."""
    (tmp_path / "mine.md").write_text("mine")
    (tmp_path / "folder.md").mkdir()
    (tmp_path / "link.md").symlink_to("nowhere.md")
    for name in ("mine.md", "folder.md", "link.md"):
        with pytest.raises(InputError, match="not overwritten"):
            export(session_of(WHOLE), tmp_path / name)
    assert (tmp_path / "mine.md").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder.md", "link.md", "mine.md"]


def test_a_file_that_appears_meanwhile_is_not_overwritten_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two exports to one name at the same time: the second is refused, the first stays whole."""
    path = tmp_path / "out.md"
    monkeypatch.setattr(os.path, "lexists", lambda _: path.write_text("theirs") == 0)
    with pytest.raises(InputError, match="not overwritten"):
        export(session_of(WHOLE), path)
    assert path.read_text() == "theirs"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_system_without_hard_links_serves_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An export to a memory stick (FAT) works."""

    def unsupported(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", unsupported)
    written = export(session_of(WHOLE), tmp_path / "out.md")
    assert written.read_text("utf-8") == to_markdown(session_of(WHOLE))
    assert list(tmp_path.iterdir()) == [written]


@pytest.mark.parametrize("path", ["missing/out.md", "file/out.md", "a\0b.md", "x" * 300 + ".md"])
def test_a_place_that_cannot_be_written_is_an_error_that_says_so(tmp_path: Path, path: str) -> None:
    """No folder is made on the quiet, no traceback is shown, and no half file is left behind."""
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"no such folder|could not be written"):
        export(session_of(WHOLE), tmp_path / path)
    assert [found.name for found in tmp_path.iterdir()] == ["file"]

"""An evidence table survives a kill, is safe in a spreadsheet, and never takes the place of another file."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from assistant.records.evidence_table import COLUMNS, EvidenceTable, of_answer, of_error
from configs.errors import InputError, ServerBusy
from tests.assistant.records.examples import answer, source
from tests.assistant.records.test_transcript import WHOLE

FORMS = ("csv", "tsv", "md", "jsonl")


def rows_of(path: Path) -> list[dict[str, str]]:
    """A CSV or TSV as other programs read it."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t" if path.suffix == ".tsv" else ","))


@pytest.mark.parametrize("form", ["csv", "tsv"])
def test_a_row_tells_the_answer_and_its_evidence(tmp_path: Path, form: str) -> None:
    """Counts of support, and of each cited source type, year, journal, DOI, address, in one order in every column."""
    table = EvidenceTable(tmp_path / f"t.{form}")
    table.begin([])
    table.append(table.line(of_answer(WHOLE)))
    (row,) = rows_of(table.path)
    assert tuple(row) == COLUMNS
    assert (row["question"], row["status"]) == ("Does metformin lower HbA1c? And by how much?", "answered")
    assert (row["supported"], row["contradicted"], row["unchecked"]) == ("0", "1", "2")
    assert row["sources"].startswith("[1] Metformin in type 2 diabetes. J Example Med, 2019. doi:10.1000/x1.; [2] ")
    assert (row["study_type"], row["year"], row["doi"]) == (
        "randomized controlled trial; –",
        "2019; –",
        "10.1000/x1; –",
    )
    assert row["url"] == "https://doi.org/10.1000/x1; https://example.org/2"
    assert row["retracted"] == "no; no"
    assert table.path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("form", ["csv", "tsv"])
@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "＝", "\t=", "\n\r@"])
def test_no_cell_is_a_formula(tmp_path: Path, form: str, begin: str) -> None:
    """A question, title or journal that would run in a spreadsheet is text there, whatever stands before it."""
    evil = f'{begin}cmd|" /C calc"!A0'
    table = EvidenceTable(tmp_path / f"t.{form}")
    told = answer(evil, text=evil + " [1]", sources=(source(title=evil, metadata={"journal": evil, "type": evil}),))
    table.begin([table.line(of_answer(told)), table.line(of_error(evil, ServerBusy(evil)))])
    rows = rows_of(table.path)
    assert len(rows) == 2
    cells = [cell for row in rows for cell in row.values()]
    assert [cell for cell in cells if cell.lstrip().startswith(("=", "+", "-", "@", "＝"))] == []


@pytest.mark.parametrize("form", FORMS)
def test_a_table_goes_on_after_a_kill_at_any_byte(tmp_path: Path, form: str) -> None:
    """Wherever the file was torn, what was whole is kept, what was torn is asked again, and the end is the same."""
    questions = ["One | two?", "=二甲双胍?", "Three\nlines?"]
    path = tmp_path / f"t.{form}"
    table = EvidenceTable(path)
    lines = [table.line(of_answer(answer(question, text="**Yes** | no\n\n[1]."))) for question in questions]
    table.begin([])
    for line in lines:
        table.append(line)
    whole = path.read_bytes()
    for size in range(0, len(whole) + 1, 97):
        path.write_bytes(whole[:size])
        again = EvidenceTable(path)
        kept = {n: row for n, question in enumerate(questions) if (row := again.take(question))}
        assert list(kept) == list(range(len(kept)))
        assert again.rest() == []
        again.begin(kept.values())
        for n in range(len(kept), len(questions)):
            again.append(lines[n])
        assert path.read_bytes() == whole


@pytest.mark.parametrize("form", FORMS)
def test_what_failed_is_asked_again_and_takes_its_place(tmp_path: Path, form: str) -> None:
    """A failed question's row is dropped on the next run, and the rows end in the questions' order."""
    path = tmp_path / f"t.{form}"
    table = EvidenceTable(path)
    bad, good = table.line(of_error("A?", ServerBusy("too much"))), table.line(of_answer(answer("B?")))
    table.begin([bad, good])
    again = EvidenceTable(path)
    assert (again.take("A?"), again.take("B?"), again.take("B?")) == (None, good, None)
    again.begin([good])
    again.append(mended := again.line(of_answer(answer("A?"))))
    again.finish([mended, good])
    last = EvidenceTable(path)
    assert (last.take("A?"), last.take("B?")) == (mended, good)
    assert path.read_text("utf-8").endswith(mended + good)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("content", ["my,own,notes\n1,2,3\n", '{"my": "own"}\n', "\x00\x01\n"])
def test_a_file_of_somebodys_is_not_touched(tmp_path: Path, form: str, content: str) -> None:
    """Without --force; the error says what to do."""
    (path := tmp_path / f"t.{form}").write_text(content)
    with pytest.raises(InputError, match="not overwritten"):
        EvidenceTable(path)
    assert path.read_text() == content
    EvidenceTable(path, force=True).begin([])
    assert path.read_text() != content


def test_json_lines_hold_all_in_their_own_types(tmp_path: Path) -> None:
    """Numbers are numbers, sources are objects, and an escape in a question cannot reach the terminal."""
    table = EvidenceTable(tmp_path / "t.jsonl")
    line = table.line(of_answer(answer("A\x1b[2J\x9b\u202e?")))
    row = json.loads(line)
    assert row["question"] == "A\x1b[2J\x9b\u202e?"
    assert (row["sources"][0]["year"], row["sources"][0]["sentences"]) == (2019, [1])
    assert row["support"]["unchecked"] == 1
    assert line[:-1].isprintable()


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    """The error names those there are."""
    with pytest.raises(InputError, match=r"\.csv, \.tsv, \.md, \.jsonl"):
        EvidenceTable(tmp_path / "t.xlsx")

"""`citewell check`: one verdict a pair, in order, for scripts and for eyes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.assistant.commands.conftest import Called, Home, told

SOURCE = "Patients received 500 mg of metformin daily. Mortality was not reduced."


def run(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """The command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "assistant", "check", *arguments],
        input=stdin,
        capture_output=True,
        check=False,
        timeout=60,
    )


def pairs(*sentences: str) -> bytes:
    """Lines of pairs with `SOURCE`, and a key that nobody asked for."""
    return lines({"sentence": sentence, "source": SOURCE, "id": n} for n, sentence in enumerate(sentences))


def lines(records: Iterable[Mapping[str, Any]]) -> bytes:
    """JSON Lines."""
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode()


def test_each_pair_gets_one_line_of_json_in_order(tmp_path: Path) -> None:
    """A program reads verdict, score, reasons and span; the span's offsets are those of the source it sent."""
    file = tmp_path / "pairs.jsonl"
    file.write_bytes(
        pairs("Mortality was not reduced.", "Mortality was reduced.", "Patients received 5 mg of metformin daily.")
    )
    done = run(str(file), "--json")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, done.stderr
    assert [set(line) for line in found] == [{"verdict", "score", "reasons", "span"}] * 3
    assert [line["verdict"] for line in found] == ["supported", "contradicted", "contradicted"]
    assert [[reason["kind"] for reason in line["reasons"]] for line in found] == [[], ["negation"], ["number"]]
    assert SOURCE[slice(*found[0]["span"])] == "Mortality was not reduced."


def test_a_line_without_a_pair_is_named_and_keeps_its_place() -> None:
    """The nth line out belongs to the nth line in, whatever is wrong with another; the exit status says something was."""
    good = pairs("Mortality was not reduced.")
    done = run("-", "--json", stdin=good + b'{"sentence": "x"}\n{bad\n\xff\n[1]\n' + good)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 3
    assert [line["verdict"] for line in found] == ["supported", *["unchecked"] * 4, "supported"]
    assert ["error" in line for line in found] == [False, True, True, True, True, False]
    complaints = done.stderr.decode()
    assert [f"standard input:{n}: " in complaints for n in range(1, 7)] == [False, True, True, True, True, False]


def test_without_json_a_person_can_read_it() -> None:
    """A line a pair, its reasons below it, and nothing that a terminal would obey."""
    done = run("-", stdin=pairs("Mortality was \u202ereduced."))
    shown = done.stdout.decode()
    assert shown.startswith("contradicted")
    assert "negation: the source says “not”" in shown
    assert "\u202e" not in shown


def test_an_empty_sentence_is_unchecked_and_no_mistake() -> None:
    """There is nothing to check; the exit status stays 0."""
    done = run("-", "--json", stdin=pairs(""))
    assert done.returncode == 0
    assert json.loads(done.stdout)["verdict"] == "unchecked"


def test_a_file_that_is_not_there_is_told() -> None:
    """Wrong usage, with the file's name and no traceback."""
    done = run("nowhere.jsonl")
    assert done.returncode == 2
    assert b"nowhere.jsonl" in done.stderr
    assert b"Traceback" not in done.stderr


TEXT = """# Metformin

Metformin is the first-line drug for type 2 diabetes [1]. It lowers HbA1c by 11 % [1].

| Drug | Dose |
|---|---|
| Aspirin [2] | 75 mg a day |

Penguins cannot fly [3]. Allergy to penicillin forbids amoxicillin.

## References

1. Doe J. Metformin in type 2 diabetes. Example Medicine 2021.
2. Aspirin after a stroke, 2019.
3. Nobody N. A paper that the index does not have.
"""


def test_a_text_is_checked_against_the_documents_that_its_references_name(
    sample: Home, called: Called, tmp_path: Path
) -> None:
    """A draft of anyone's: each sentence with its verdict, the source that decides, and where in it."""
    file = tmp_path / "answer.md"
    file.write_text(TEXT, "utf-8")
    ran = called(sample, "check", "--text", str(file), "--json")
    assert ran.returncode == 3, ran.stderr
    found = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [(line["sentence"], line["verdict"]) for line in found] == [
        ("Metformin is the first-line drug for type 2 diabetes.", "supported"),
        ("It lowers HbA1c by 11 %.", "contradicted"),
        ("Aspirin; 75 mg a day", "supported"),
        ("Penguins cannot fly.", "unchecked"),
        ("Allergy to penicillin forbids amoxicillin.", "supported"),
    ]
    assert [line["source"] and line["source"]["doc_id"] for line in found] == [
        "metformin",
        "metformin",
        "aspirin",
        None,
        "amoxicillin",
    ]
    assert found[0]["source"]["text"][slice(*found[0]["span"])] == found[0]["sentence"]
    assert found[0]["document_span"] == found[0]["span"]
    assert "Not in the index, so that what cites them was searched for: [3]." in ran.stderr


@pytest.mark.parametrize(
    "text", ["Metformin is the first-line drug for type 2 diabetes.", "布洛芬24小时内最多服用1200毫克[7]。"]
)
def test_a_text_without_references_is_searched_for_and_may_come_from_a_pipe(sample: Home, text: str) -> None:
    """A bare claim finds its source by itself; all supported is exit status 0."""
    ran = sample.run("check", "--text", "-", stdin=text)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.startswith("supported")
    assert ran.stdout.rstrip().endswith("1 supported")


def test_a_text_with_nothing_to_check_and_no_file_at_all_are_told(sample: Home, called: Called, tmp_path: Path) -> None:
    """Neither passes for a text that was checked and found good."""
    file = tmp_path / "empty.md"
    file.write_text("# Heading alone\n", "utf-8")
    assert called(sample, "check", "--text", str(file)).returncode not in (0, 3)
    told(called(sample, "check"), 2, "--text")

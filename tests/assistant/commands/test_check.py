"""`citewell check`: one verdict a pair, in order, for scripts and for eyes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

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

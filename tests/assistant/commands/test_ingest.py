"""`citewell ingest`: what it reports, what it keeps when things go wrong, and that it can be stopped."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.assistant.answering.examples import RECORDS
from tests.assistant.commands.conftest import Home, Ran, interrupt, lines, told
from tests.support import faults
from tests.support.openai_server import OpenAIServer

Ended = Callable[[subprocess.Popen[bytes]], subprocess.Popen[bytes]]


def summary(ran: Ran) -> dict[str, object]:
    """The one JSON line of `--json`."""
    assert ran.stdout.count("\n") == 1, ran.stderr
    line = ran.stdout
    told = json.loads(line)
    assert isinstance(told, dict)
    assert {"documents", "passages", "skipped", "failed", "seconds"} <= set(told)
    assert isinstance(told["seconds"], (int, float))
    return told


def counts(ran: Ran) -> tuple[object, object, object, object]:
    """Documents, passages, skipped and failed of `--json`."""
    told = summary(ran)
    return told["documents"], told["passages"], told["skipped"], told["failed"]


def test_a_corpus_is_ingested_once_and_again_for_nothing(home: Home) -> None:
    """A plain file, then the same records gzipped on standard input through `python -m ingest`: all unchanged."""
    (home.folder / "corpus.jsonl").write_text(lines(RECORDS), "utf-8")
    first = home.run("ingest", "corpus.jsonl")
    assert first.returncode == 0
    assert first.stdout.splitlines()[-1].startswith(
        "Index default: 4 documents stored (4 passages), 0 unchanged, 0 rejected"
    )
    assert first.stderr == ""
    again = home.run(
        "-", "--json", stdin=gzip.compress(lines(RECORDS).encode()), command=(sys.executable, "-m", "ingest")
    )
    assert (again.returncode, counts(again)) == (0, (0, 0, 4, 0))


def test_the_columns_of_a_table_may_be_named(embedded: Home) -> None:
    """On standard input, too; a name that is not there is told with those that are, as a usage error for a file."""
    table = "Titel;Zusammenfassung\nAspirin;Es half.\n"
    (embedded.folder / "t.csv").write_text(table, "utf-8")
    ran = embedded.run("ingest", "-", "--json", "--columns", "title=Titel,text=Zusammenfassung", stdin=table)
    assert (ran.returncode, counts(ran)[0]) == (0, 1)
    ran = embedded.run("ingest", "t.csv", "--json", "--columns", "title=Titel,text=Zusammenfassung")
    assert (ran.returncode, counts(ran)[0]) == (0, 1)
    told(embedded.run("ingest", "t.csv", "--columns", "title=Title"), 2, "t.csv", "no column “Title”", "“Titel”")
    told(embedded.run("ingest", "--rebuild", "--columns", "title=Titel"), 2, "--columns needs a PATH")


def test_bad_records_are_told_by_line_and_the_rest_is_stored(home: Home) -> None:
    """Status 3: what could not be used stands on standard error with its line and reason."""
    good = '{"id": "1", "title": "Only a title"}\n{"id": 2, "text": "Text serves for abstract."}\n'
    bad = 'not json\n{"id": "3"}\n{"title": "no id", "abstract": "x"}\n[1]\n\n'
    ran = home.run("ingest", "-", "--json", stdin=good + bad)
    assert (ran.returncode, counts(ran)) == (3, (2, 2, 0, 4))
    for number, reason in [
        (3, "not valid JSON"),
        (4, "neither a title nor an abstract"),
        (5, "no “id”"),
        (6, "object"),
    ]:
        assert any(f"standard input:{number}: rejected:" in line and reason in line for line in ran.stderr.splitlines())
    assert home.run("ingest", "-", stdin="nothing\n").returncode == 3


def test_a_dry_run_says_in_a_sentence_what_would_be_done(home: Home) -> None:
    """Of an edited record: that it would replace the stored one, not that it did."""
    record = {"id": "a", "title": "T", "abstract": "Before."}
    (home.folder / "d.jsonl").write_text(json.dumps(record))
    home.run("ingest", "d.jsonl")
    (home.folder / "d.jsonl").write_text(json.dumps(record | {"abstract": "After."}))
    assert "1 would replace an earlier record" in home.run("ingest", "d.jsonl", "--dry-run").stdout
    assert "1 replaced an earlier record" in home.run("ingest", "d.jsonl").stdout


def test_the_same_id_replaces_and_the_same_content_is_kept_and_both_are_told(home: Home) -> None:
    """The reader of the report learns of both; the later record of an id is the one that stays."""
    records = [
        {"id": "a", "title": "T", "abstract": "Old text."},
        {"id": "a", "title": "T", "abstract": "New text."},
        {"id": "b", "title": "T", "abstract": "New text."},
    ]
    ran = home.run("ingest", "-", "--json", stdin=lines(records))
    assert ran.returncode == 0
    assert (summary(ran)["replaced"], summary(ran)["duplicates"]) == (1, 1)
    assert "a replaces the earlier record of that id" in ran.stderr
    assert "b has the same content as a; both are kept" in ran.stderr
    found = json.loads(home.run("search", "text", "--json", "--all-passages").stdout)
    assert {hit["doc_id"]: hit["text"] for hit in found} == {"a": "New text.", "b": "New text."}


def test_a_missing_file_stops_before_anything_is_done(home: Home) -> None:
    """Nothing is ingested from the other paths either, and the message says so."""
    (home.folder / "there.jsonl").write_text(lines(RECORDS), "utf-8")
    told(home.run("ingest", "there.jsonl", "missing.jsonl"), 1, "missing.jsonl", "no such file", "nothing was ingested")
    assert not (home.data / "indexes").exists()


def test_a_truncated_gzip_costs_only_what_is_lost(home: Home) -> None:
    """What came before the damage is stored; status 3 and the message say that the rest is missing."""
    records = [{"id": str(n), "title": f"Study {n}", "abstract": f"{n} " * 200} for n in range(400)]
    (home.folder / "dump.jsonl.gz").write_bytes(gzip.compress(lines(records).encode())[:-2_000])
    ran = home.run("ingest", "dump.jsonl.gz", "--json")
    documents, _, _, failed = counts(ran)
    assert ran.returncode == 3
    assert isinstance(documents, int)
    assert 0 < documents < 400
    assert failed == 1
    assert "ends early" in ran.stderr


def test_a_wrong_key_is_told_at_once_and_never_shown(home: Home, openai_server: OpenAIServer) -> None:
    """Before anything is read: the variable to set, the server, and no key."""
    openai_server.api_key = "right"
    ran = home.run(
        "ingest", "-", "--set", "embedding.provider=openai", "--set", f"embedding.url={openai_server.url}",
        stdin=lines(RECORDS), CITEWELL_EMBEDDING__API_KEY="sk-wrong-key",
    )  # fmt: skip
    told(ran, 1, "refuses the API key", openai_server.url, "Set CITEWELL_EMBEDDING__API_KEY")
    assert "sk-wrong-key" not in ran.stderr


@pytest.fixture
def embedded(home: Home, openai_server: OpenAIServer) -> Home:
    """A machine whose settings file embeds at the fake server, four passages a call, one call at a time."""
    config = home.folder / "config" / "citewell" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(
        f'[embedding]\nprovider = "openai"\nurl = "{openai_server.url}"\nbatch_size = 4\nconcurrency = 1\n', "utf-8"
    )
    return home


def test_ctrl_c_in_mid_ingest_keeps_what_is_stored_and_the_next_run_goes_on(
    embedded: Home, openai_server: OpenAIServer, ended: Ended
) -> None:
    """Status 130, a word on what is kept, no traceback; the same command then does only the rest."""
    records = [{"id": str(n), "title": f"Study {n}", "abstract": f"Metformin {n}."} for n in range(16)]
    (embedded.folder / "corpus.jsonl").write_text(lines(records), "utf-8")
    # One probe and two batches go well, then the server hangs.
    openai_server.faults.extend([None, None, None])
    openai_server.fault = faults.Hang()
    process = ended(embedded.start("ingest", "corpus.jsonl"))
    openai_server.wait_for(4, "/v1/embeddings")
    status, said = interrupt(process)
    assert status == 130
    assert "Traceback" not in said
    assert "What is stored is kept; the same command goes on from there." in said
    openai_server.heal()
    ran = embedded.run("ingest", "corpus.jsonl", "--json")
    documents, _, skipped, failed = counts(ran)
    assert isinstance(documents, int)
    assert isinstance(skipped, int)
    assert (ran.returncode, failed, documents + skipped) == (0, 0, 16)
    assert skipped >= 4


def test_one_ctrl_c_ends_an_ingest_that_waits_for_standard_input_and_its_index_is_told_in_use(
    home: Home, ended: Ended
) -> None:
    """Nobody has to press it twice; meanwhile a second ingest is told of the first."""
    process = ended(home.start("ingest", "-"))
    assert process.stdin is not None
    assert process.stderr is not None
    process.stdin.write(b"not json\n")
    process.stdin.flush()
    assert b"rejected" in process.stderr.readline()  # it has read that line, and now waits for the next
    told(home.run("ingest", "-", stdin=b"{}"), 1, f"process {process.pid}", "--index NAME")
    status, said = interrupt(process)
    assert status == 130
    assert "Traceback" not in said


def test_a_server_that_dies_in_mid_ingest_keeps_what_is_stored(embedded: Home, openai_server: OpenAIServer) -> None:
    """Status 1: what broke, how far it came, and that the same command goes on from there."""
    records = [{"id": str(n), "title": f"Study {n}", "abstract": f"Metformin {n}."} for n in range(16)]
    openai_server.faults.extend([None, None, None])
    openai_server.fault = faults.Garbage()
    ran = embedded.run("ingest", "-", stdin=lines(records))
    told(ran, 1, openai_server.url, "not what the OpenAI protocol says", "the same command goes on from there")
    openai_server.heal()
    again = embedded.run("ingest", "-", "--json", stdin=lines(records))
    documents, _, skipped, _ = counts(again)
    assert (again.returncode, documents, skipped) == (0, 8, 8)


def test_the_file_of_rejects_is_that_of_the_last_run(home: Home) -> None:
    """Whoever mends what was rejected and ingests it again finds nothing left in the file."""
    corpus, rejects = home.folder / "corpus.jsonl", home.folder / "rejects.jsonl"
    corpus.write_text(lines(RECORDS) + '{"title": "No id"}\n', "utf-8")
    assert home.run("ingest", str(corpus), "--rejects", str(rejects)).returncode == 3
    assert json.loads(rejects.read_text("utf-8"))["record"] == '{"title": "No id"}'
    corpus.write_text(lines(RECORDS), "utf-8")
    assert home.run("ingest", str(corpus), "--rejects", str(rejects)).returncode == 0
    assert rejects.read_text("utf-8") == ""

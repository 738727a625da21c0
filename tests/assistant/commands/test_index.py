"""`citewell index`: what there is, what it holds, and away with it, never by accident."""

from __future__ import annotations

import json
import re

from tests.assistant.answering.examples import RECORDS
from tests.assistant.commands.conftest import Called, Home, lines, told
from tests.support.openai_server import OpenAIServer


def test_info_tells_what_the_index_holds_now(sample: Home, called: Called) -> None:
    """The contract: documents, passages, bytes and the manifest, in JSON and in words."""
    ran = called(sample, "index", "info", "default", "--json")
    assert ran.returncode == 0
    info = json.loads(ran.stdout)
    assert (info["documents"], info["passages"]) == (4, 4)
    assert info["bytes"] > 0
    assert info["manifest"]["made_with"]["embedding"] == {"provider": "none"}
    assert info["manifest"]["made_with"]["chunking"] == {"size": 512, "overlap": 64}
    shown = called(sample, "index", "info", "default").stdout
    assert "default: 4 documents, 4 passages" in shown
    assert re.fullmatch(r"process \d+ \(citewell owner\)", info["holder"])
    assert f"held by {info['holder']}, used by 0 others" in shown
    assert info["holder"] in called(sample, "doctor").stdout
    assert "chunking: size = 512" in shown


def test_info_works_whatever_the_settings_say_now(sample: Home, called: Called) -> None:
    """Another profile's settings do not keep a reader from seeing how an index was made; a search is refused."""
    assert called(sample, "index", "info", "default", "--set", "lexical.k=2").returncode == 0
    ran = called(sample, "search", "metformin", "--set", "lexical.k=2")
    told(ran, 1, "lexical k = 1.2", "2.0", "citewell ingest --rebuild --index default")


def test_an_index_is_optimized_when_someone_asks(sample: Home, called: Called) -> None:
    """Without dense vectors there is nothing to build, and that is said; the index holds what it did."""
    ran = called(sample, "index", "optimize", "default")
    assert (ran.returncode, ran.stdout) == (0, "default is optimized.\n")
    told(called(sample, "index", "optimize", "other"), 1, "there is no index “other”")


def test_two_indexes_are_compared(home: Home, called: Called) -> None:
    """Documents only in one, edited ones, and how the two were made; JSON names every document, words some."""
    changed = [{**RECORDS[0], "title": "Another title"}, *RECORDS[1:3], {**RECORDS[3], "id": "new"}]
    assert home.run("ingest", "-", "--index", "a", stdin=lines(RECORDS)).returncode == 0
    smaller = ("--set", "chunking.size=256")
    assert home.run("ingest", "-", "--index", "b", *smaller, stdin=lines(changed)).returncode == 0
    found = json.loads(called(home, "index", "diff", "a", "b", "--json").stdout)
    assert (found["only_before"], found["only_after"]) == ([RECORDS[3]["id"]], ["new"])
    assert (found["edited"], found["same"]) == ([RECORDS[0]["id"]], 2)
    assert found["manifest"] == [{"key": "chunking.size", "before": 512, "after": 256}]
    shown = called(home, "index", "diff", "a", "b").stdout
    for said in ("2 documents are the same", "chunking.size: 512 → 256", "1 only in a", "1 only in b", "1 edited"):
        assert said in shown
    assert "were made alike" in called(home, "index", "diff", "a", "a").stdout
    told(called(home, "index", "diff", "a", "c"), 1, "there is no index “c”")


def test_an_index_is_made_anew_by_one_command(home: Home, called: Called) -> None:
    """`ingest --rebuild` alone, with the settings that the mismatch was about; flags that do not fit are refused."""
    assert home.run("ingest", "-", stdin=lines(RECORDS)).returncode == 0
    smaller = ("--set", "chunking.size=256")
    ran = called(home, "ingest", "--rebuild", "--json", *smaller)
    assert (ran.returncode, json.loads(ran.stdout)["documents"]) == (0, 4)
    assert called(home, "search", "metformin", *smaller).returncode == 0
    told(called(home, "ingest", "--rebuild", "--refresh"), 2, "--refresh stands alone")
    told(called(home, "ingest", "--rebuild", "--dry-run"), 2, "no --dry-run")
    told(called(home, "ingest", "--rebuild", "--index", "other"), 1, "there is no index “other”")


def test_the_embedding_cache_is_shown_and_cleared(home: Home, called: Called, openai_server: OpenAIServer) -> None:
    """How many vectors it holds, here and in doctor; after clearing, none; without an embedder there is none to show."""
    dense = ("--set", "embedding.provider=openai", "--set", f"embedding.url={openai_server.url}")
    assert called(home, "index", "cache").stdout.endswith("empty\n")
    assert home.run("ingest", "-", *dense, stdin=lines(RECORDS)).returncode == 0
    assert "5 vectors" in called(home, "index", "cache").stdout
    assert "embedding cache: " in (shown := called(home, "doctor", *dense).stdout)
    assert "5 vectors" in shown
    assert "0 vectors" in called(home, "index", "cache", "--clear").stdout
    assert "There is none" in called(home, "index", "cache", "--set", "cache.kind=none").stdout


def test_an_index_is_deleted_only_when_someone_says_so(home: Home, called: Called) -> None:
    """In a pipe nobody can confirm: status 2 and nothing is lost; with --yes it goes, and the others stay."""
    for name in ("old", "new"):
        assert home.run("ingest", "-", "--index", name, stdin=lines(RECORDS)).returncode == 0
    told(home.run("index", "delete", "old", stdin="y\n"), 2, "--yes")
    assert json.loads(called(home, "index", "list", "--json").stdout) == ["new", "old"]
    ran = called(home, "index", "delete", "old", "--yes")
    assert (ran.returncode, ran.stdout) == (0, "Deleted old.\n")
    assert called(home, "index", "list").stdout == "new\n"
    told(called(home, "index", "delete", "old", "--yes"), 1, "no index “old”", "citewell index list")


def test_on_a_terminal_it_asks_and_no_means_no(home: Home, called: Called) -> None:
    """Anything but yes keeps the index."""
    assert home.run("ingest", "-", stdin=lines(RECORDS)).returncode == 0
    with home.terminal("index", "delete", "default") as terminal:
        terminal.until("Delete index default and all it holds?")
        terminal.type("n\n")
        assert terminal.end() == 130
    assert called(home, "index", "list").stdout == "default\n"


def test_a_name_is_never_a_path(home: Home, called: Called) -> None:
    """`--index ../../x` reaches no folder outside the indexes."""
    (home.folder / "precious").mkdir()
    for name in ("../../precious", "..", ".", "/etc", "a/b"):
        told(called(home, "index", "delete", name, "--yes"), 2, "is no name for an index")
    assert (home.folder / "precious").is_dir()


def test_no_index_yet_is_a_sentence_and_an_empty_list(home: Home, called: Called) -> None:
    """A fresh machine is not an error."""
    assert called(home, "index", "list", "--json").stdout == "[]\n"
    assert "citewell ingest" in called(home, "index", "list").stdout


def test_ingest_optimizes_by_itself_once_there_is_enough(
    home: Home, called: Called, openai_server: OpenAIServer
) -> None:
    """From index.optimize_from new passages on, ingest builds the search graph and says so; a search finds what it did."""
    embedding = {
        "CITEWELL_EMBEDDING__PROVIDER": "openai",
        "CITEWELL_EMBEDDING__URL": openai_server.url,
        "CITEWELL_INDEX__OPTIMIZE_FROM": "4",
    }
    ran = home.run("ingest", "-", stdin=lines(RECORDS), **embedding)
    assert ran.returncode == 0
    assert "Building the search graph …" in ran.stderr
    found = called(home, "search", "second stroke", "--json", **embedding)
    assert json.loads(found.stdout)[0]["doc_id"] == "aspirin"
    assert called(home, "index", "optimize", "default", **embedding).stdout == "default is optimized.\n"

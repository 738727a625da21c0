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
    assert called(sample, "index", "info", "default", "--set", "chunking.size=256").returncode == 0
    ran = called(sample, "search", "metformin", "--set", "chunking.size=256")
    told(ran, 1, "chunking size = 512", "256", "citewell ingest --rebuild --index default")


def test_an_index_is_optimized_when_someone_asks(sample: Home, called: Called) -> None:
    """Without dense vectors there is nothing to build, and that is said; the index holds what it did."""
    ran = called(sample, "index", "optimize", "default")
    assert (ran.returncode, ran.stdout) == (0, "default is optimized.\n")
    told(called(sample, "index", "optimize", "other"), 1, "there is no index “other”")


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

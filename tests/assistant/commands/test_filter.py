"""--filter and --domain on the command line: what is searched, how, and what a mistake costs."""

from __future__ import annotations

import asyncio
import json

import pytest

from configs.settings import EmbeddingSettings, Settings
from tests.assistant.answering.examples import fill
from tests.assistant.commands.conftest import Called, Home, lines, told

RECORDS = [
    {"id": "a", "title": "Aspirin for stroke", "abstract": "Aspirin prevents stroke.", "year": 2021, "type": "RCT"},
    {"id": "b", "title": "Aspirin in gout", "abstract": "Aspirin in gout and stroke.", "year": 1999, "ward": "ICU"},
    {"id": "c", "title": "RETRACTED: Aspirin", "abstract": "Aspirin cures stroke.", "year": 2020},
]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A machine whose index was made for the treatment domain; nobody ingests there."""
    home = Home(tmp_path_factory.mktemp("filtered"))
    (home.folder / "records.jsonl").write_text(lines(RECORDS), "utf-8")
    settings = Settings(data_dir=home.data, embedding=EmbeddingSettings(domain="treatment"))
    asyncio.run(fill(settings, home.folder / "records.jsonl"))
    return home


def test_search_and_ask_take_a_filter(filled: Home, called: Called) -> None:
    """In their JSON it stands beside what it let pass; in plain text it is named."""
    hits = json.loads(called(filled, "search", "aspirin stroke", "--filter", "year>=2000", "--json").stdout)
    assert [(hit["doc_id"], hit["filter"]) for hit in hits] == [("a", "year>=2000")]
    answer = json.loads(called(filled, "ask", "Does aspirin prevent stroke?", "--filter", "ward:icu", "--json").stdout)
    assert answer["filter"] == "ward:icu"
    assert [source["doc_id"] for source in answer["sources"]] == ["b"]
    shown = called(filled, "ask", "Does aspirin prevent stroke?", "--filter", "type:rct").stdout
    assert "Filter: type:rct" in shown
    assert "[1] Aspirin for stroke · 2021 · randomized controlled trial · a" in shown


def test_a_retracted_record_comes_with_its_flag_or_not_at_all(filled: Home, called: Called) -> None:
    """Left out, and that is said on standard error; asked for, it is marked in plain text and in JSON."""
    ran = called(filled, "search", "aspirin stroke", "--json")
    assert {hit["doc_id"] for hit in json.loads(ran.stdout)} == {"a", "b"}
    assert "1 retracted record was left out" in ran.stderr
    ran = called(filled, "search", "aspirin", "--filter", "retracted")
    assert "1. RETRACTED · RETRACTED: Aspirin · 2020 · c" in ran.stdout
    (hit,) = json.loads(called(filled, "search", "aspirin", "--filter", "retracted", "--json").stdout)
    assert hit["flags"] == ["retracted"]


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--filter", "year>=2o20"), ("--filter: “2o20” is no year", "    year>=2o20\n          ^")),
        (("--filter", "type:rtc", "--index", "nowhere"), ("Did you mean rct?",)),
        (("--filter", "wart:icu"), ("no record carries “wart”", "Did you mean ward?")),
        (("--domain", "surgery"), ("no domain “surgery”", "drug-safety")),
    ],
)
def test_a_mistake_is_wrong_usage(filled: Home, called: Called, flags: tuple[str, ...], words: tuple[str, ...]) -> None:
    """Status 2, the place marked, the nearest named; no index need be opened to find most of them."""
    told(called(filled, "search", "aspirin", *flags), 2, *words)


def test_index_info_tells_what_can_be_filtered(filled: Home, called: Called) -> None:
    """Years, types, flags and labels with their counts; and whose questions the index was made for."""
    shown = called(filled, "index", "info", "default").stdout
    for line in ("years: 1999 to 2021", "types: randomized controlled trial 1", "flags: retracted 1", "labels: ward 1"):
        assert f"  {line}" in shown
    assert "domain treatment" in shown
    facts = json.loads(called(filled, "index", "info", "default", "--json").stdout)
    assert facts["facets"]["years"] == [1999, 2021]
    assert facts["manifest"]["domain"] == "treatment"


def test_the_users_own_domains_are_listed(home: Home, called: Called) -> None:
    """Built in or from instructions.toml beside the settings file; a mistake in that is told with its place."""
    own = home.folder / "instructions.toml"
    config = home.folder / "config.toml"
    config.touch()
    own.write_text('[oncology]\ntask = "Given a tumour, retrieve trials"\n', "utf-8")
    shown = called(home, "config", "domains", CITEWELL_CONFIG=str(config)).stdout
    assert "literature (in force)" in shown
    assert "before a question: Given a tumour, retrieve trials" in shown
    listed = json.loads(called(home, "config", "domains", "--json", CITEWELL_CONFIG=str(config)).stdout)
    assert listed["oncology"] == {"task": "Given a tumour, retrieve trials", "document_prefix": ""}
    own.write_text("[oncology]\n", "utf-8")
    told(called(home, "config", "domains", CITEWELL_CONFIG=str(config)), 1, str(own), "[oncology] has no task")

"""`citewell doctor`: what is well, what is not, and what mends it."""

from __future__ import annotations

import json

import pytest

from tests.assistant.commands.conftest import Called, Home
from tests.support.openai_server import OpenAIServer


def test_a_fresh_machine_is_well(home: Home) -> None:
    """No index yet is no fault, nor is it “ok”: status 0, and the next command to type."""
    ran = home.run("doctor")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert all(line.startswith(("ok  ", "none  index", " ")) for line in ran.stdout.splitlines())
    assert "none  index: there is no index" in ran.stdout
    assert "citewell ingest" in ran.stdout


@pytest.mark.parametrize("name", ["default", "trials"])
def test_an_index_that_was_asked_for_has_to_be_there(name: str, home: Home, called: Called) -> None:
    """Whoever names an index means one that exists: a slip in its name is a fault, wherever it was named."""
    for named in (called(home, "doctor", "--index", name), called(home, "doctor", CITEWELL_INDEX__NAME=name)):
        assert named.returncode == 1
        assert f"FAIL  index: there is no index “{name}”" in named.stdout


def test_working_servers_are_asked_and_told(sample: Home, called: Called, openai_server: OpenAIServer) -> None:
    """Embedder and model are really called; the index tells what it holds."""
    ran = called(sample, "doctor", "--json", CITEWELL_GENERATION__URL=openai_server.url, CITEWELL_GENERATION__MODEL="m")
    checks = {check["name"]: check for check in json.loads(ran.stdout)}
    assert ran.returncode == 0
    assert all(check["ok"] for check in checks.values())
    assert "4 documents" in checks["index"]["found"]
    assert checks["model"]["found"] == "m answers"
    assert [request.path for request in openai_server.requests] == ["/v1/chat/completions"]


def test_each_fault_is_told_with_its_remedy_and_no_key(home: Home, called: Called, openai_server: OpenAIServer) -> None:
    """Status 1; one fault does not hide the next."""
    openai_server.api_key = "right"
    ran = called(
        home,
        "doctor",
        "--json",
        CITEWELL_EMBEDDING__PROVIDER="openai",
        CITEWELL_EMBEDDING__URL=openai_server.url,
        CITEWELL_EMBEDDING__API_KEY="sk-wrong-key",
        CITEWELL_GENERATION__URL="http://127.0.0.1:9/v1",
    )
    assert ran.returncode == 1
    checks = {check["name"]: check for check in json.loads(ran.stdout)}
    assert {name for name, check in checks.items() if not check["ok"]} == {"embedder", "model"}
    assert "CITEWELL_EMBEDDING__API_KEY" in checks["embedder"]["found"]
    assert "generation.url" in checks["model"]["found"]
    assert "sk-wrong-key" not in ran.stdout + ran.stderr


def test_a_reranker_must_tell_a_right_passage_from_a_wrong_one(
    home: Home, called: Called, openai_server: OpenAIServer
) -> None:
    """A server without its chat template answers 200 to all: only scores on known texts show it."""
    reranked = {"CITEWELL_RERANK__PROVIDER": "server", "CITEWELL_RERANK__URL": openai_server.url}
    ran = called(home, "doctor", **reranked)
    assert ran.returncode == 0
    assert "ok    reranker: Qwen/Qwen3-Reranker-0.6B tells right passages from wrong ones" in ran.stdout
    openai_server.template = False
    ran = called(home, "doctor", **reranked)
    assert ran.returncode == 1
    assert "FAIL  reranker:" in ran.stdout
    assert "citewell serve reranker" in ran.stdout


def test_an_embedder_that_reads_less_than_a_passage_is_a_fault(
    home: Home, called: Called, openai_server: OpenAIServer
) -> None:
    """Before an ingest loses the ends of passages, or the passages: what the model reads, and what to lower."""
    openai_server.context_length = 256
    flags = {"CITEWELL_EMBEDDING__PROVIDER": "openai", "CITEWELL_EMBEDDING__URL": openai_server.url}
    ran = called(home, "doctor", **flags)
    assert ran.returncode == 1
    assert "reads 256 tokens of a text, and passages have up to 512" in ran.stdout
    assert "chunking.size" in ran.stdout
    ran = called(home, "doctor", **flags, CITEWELL_CHUNKING__SIZE="200")
    assert ran.returncode == 0
    assert "64 dimensions, reads 256 tokens of a text" in ran.stdout

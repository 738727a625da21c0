"""Reranking over the wire: the order it gives, the check it must pass, and every way in which it may fail."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator

import pytest

from assistant.answering.explanation import explain
from assistant.answering.rerank import Reranking, open_reranking, probabilities
from assistant.answering.retrieval import Found, Searcher
from configs.errors import ServerBusy, ServerError, ServerGarbled, ServerRefused, ServerUnreachable, SettingsError
from configs.settings import Settings
from prompts import library
from tests.assistant.answering.examples import answered, events, fill
from tests.conftest import CorpusWriter, SettingsFactory
from tests.support import faults
from tests.support.openai_server import OpenAIServer

QUESTION = "metformin against severe kidney failure"
TEXTS = ["Unrelated words.", "Metformin against severe kidney failure.", "Severe failure."]
# For the words these are worse and worse; for the fake reranker, which counts stop words too, better and better.
SEARCHED = "aspirin with from about"
RECORDS = [
    {"id": "often", "title": "Aspirin", "abstract": "Aspirin, aspirin with."},
    {"id": "once", "title": "A study", "abstract": "Aspirin from with."},
    {"id": "all", "title": "Another", "abstract": "About aspirin from with" + " more" * 300},
]


@pytest.fixture
def reranked(settings: SettingsFactory, openai_server: OpenAIServer) -> Settings:
    """Settings that rerank by the fake server."""
    return settings({"rerank.provider": "server", "rerank.url": openai_server.url, "rerank.timeout": 30.0})


@pytest.fixture
async def reranking(reranked: Settings) -> AsyncIterator[Reranking]:
    """What these settings open."""
    opened = open_reranking(reranked)
    assert opened is not None
    yield opened
    await opened.close()


@pytest.fixture
async def filled_reranked(reranked: Settings, corpus: CorpusWriter) -> Settings:
    """The same, over an index."""
    await fill(reranked, corpus(RECORDS))
    return reranked


async def searched(settings: Settings, question: str = SEARCHED) -> Found:
    """One search, opened and closed."""
    searcher = await Searcher.open(settings)
    try:
        return await searcher.search(question)
    finally:
        await searcher.close()


def ids(found: Found) -> list[str]:
    """The documents found, best first."""
    return [result.passage.doc_id for result in found.results]


async def test_scores_come_in_the_order_of_the_texts_and_the_model_gets_its_instruction(
    reranking: Reranking, openai_server: OpenAIServer
) -> None:
    """SGLang answers best first; `instruct` is the domain's task, and texts are not sent back for nothing."""
    assert await reranking.scores(QUESTION, TEXTS) == [0.0, 1.0, 0.4]
    sent = next(request.body for request in openai_server.requests if request.body["query"] == QUESTION)
    assert sent["documents"] == TEXTS
    assert sent["instruct"] == library.instruction("literature").task
    assert sent["return_documents"] is False


async def test_the_check_is_made_once_a_process(reranking: Reranking, openai_server: OpenAIServer) -> None:
    """Two questions whose answers are known beside the first search; none beside later ones."""
    await reranking.scores(QUESTION, TEXTS)
    assert len(openai_server.requests) == 3
    await reranking.scores(QUESTION, TEXTS)
    assert len(openai_server.requests) == 4


async def test_a_missing_chat_template_is_caught_and_remembered(
    reranking: Reranking, openai_server: OpenAIServer
) -> None:
    """Scores without meaning arrive as 200; the reader is told what to start instead, at no cost later."""
    openai_server.template = False
    for _ in range(2):
        with pytest.raises(ServerGarbled) as caught:
            await reranking.scores(QUESTION, TEXTS)
        assert "mean nothing" in caught.value.what
        assert "citewell serve reranker" in caught.value.fix
    assert len(openai_server.requests) == 3


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (faults.BUSY, ServerBusy),
        (faults.CRASHED, ServerError),
        (faults.Garbage(), ServerGarbled),
        (faults.Status(404, {"detail": "Not Found"}), ServerRefused),
        (faults.TOO_FEW_SCORES, ServerGarbled),
        (faults.SCORE_TWICE, ServerGarbled),
        (faults.NAN_SCORES, ServerGarbled),
        (faults.SCORES_AS_TEXT, ServerGarbled),
        (faults.NO_LIST_OF_SCORES, ServerGarbled),
    ],
)
async def test_each_fault_is_one_of_our_errors_and_what_is_over_is_forgotten(
    fault: faults.Fault, kind: type[ServerError], reranking: Reranking, openai_server: OpenAIServer
) -> None:
    """A server that fails now may serve the next question: its check is made again then."""
    openai_server.fault = fault
    with pytest.raises(kind) as caught:
        await reranking.scores(QUESTION, TEXTS)
    assert caught.value.where == openai_server.url
    openai_server.heal()
    assert await reranking.scores(QUESTION, TEXTS) == [0.0, 1.0, 0.4]


async def test_a_server_that_is_not_there(reranking: Reranking, openai_server: OpenAIServer) -> None:
    """The reader learns which command starts it."""
    openai_server.stop()
    with pytest.raises(ServerUnreachable) as caught:
        await reranking.scores(QUESTION, TEXTS)
    assert "citewell serve reranker" in caught.value.fix


async def test_jinas_form_is_read_as_well(reranking: Reranking, openai_server: OpenAIServer) -> None:
    """VLLM and other servers answer an object with `results` and `relevance_score`."""
    openai_server.fault = faults.SpoilRows(
        lambda rows: {"results": [{"index": row["index"], "relevance_score": row["score"]} for row in rows]}
    )
    assert await reranking.scores(QUESTION, TEXTS) == [0.0, 1.0, 0.4]


def test_logits_become_probabilities_and_probabilities_stay() -> None:
    """Whatever a model scores in, 0 … 1 comes out, in the same order, however large the logits."""
    assert probabilities([0.1, 1.0]) == [0.1, 1.0]
    low, middle, high = probabilities([-2000.0, 0.0, 3.0])
    assert (low, middle) == (0.0, 0.5)
    assert high == pytest.approx(1 / (1 + math.exp(-3)))
    with pytest.raises(ValueError, match="NaN"):
        probabilities([0.1, math.inf])


async def test_a_search_is_put_in_the_rerankers_order(filled_reranked: Settings, openai_server: OpenAIServer) -> None:
    """What the words put second comes first, with the reranker's score; the explanation tells both."""
    plain = await searched(filled_reranked.model_copy(update={"rerank": Settings().rerank}))
    assert ids(plain)[0] == "often"
    found = await searched(filled_reranked)
    assert ids(found) == ["all", "once", "often"]
    assert [result.score for result in found.results] == [1.0, 0.75, 0.5]
    assert not found.warnings
    why = explain(found).results[0]
    assert why.rerank is not None
    assert why.lexical is not None
    assert (why.rerank.rank, why.rerank.score) == (1, 1.0)
    assert why.lexical.rank > 1
    request = next(request for request in openai_server.requests if request.body["query"] == SEARCHED)
    assert "Aspirin\nAspirin, aspirin" in request.body["documents"][0]


async def test_what_it_was_not_shown_follows_and_scores_only_fall(
    reranked: Settings, corpus: CorpusWriter, openai_server: OpenAIServer
) -> None:
    """With 2 candidates to read, the third result stands after them, its score below theirs."""
    fewer = reranked.model_copy(update={"rerank": reranked.rerank.model_copy(update={"candidates": 2})})
    await fill(fewer, corpus(RECORDS))
    found = await searched(fewer)
    asked = [request.body for request in openai_server.requests if request.body["query"] == SEARCHED]
    assert len(asked[0]["documents"]) == 2
    scores = [result.score for result in found.results]
    assert len(scores) == 3
    assert scores == sorted(scores, reverse=True)
    assert explain(found).results[2].rerank is None


@pytest.mark.parametrize("fault", [faults.BUSY, faults.Hang(), faults.Garbage(), faults.NAN_SCORES, None])
async def test_without_the_reranker_results_stay_as_they_were_and_a_warning_says_so(
    fault: faults.Fault | None, filled_reranked: Settings, openai_server: OpenAIServer
) -> None:
    """A reranker that is down, slow or senseless costs its order, never the search; which and why is told."""
    plain = await searched(filled_reranked.model_copy(update={"rerank": Settings().rerank}))
    openai_server.fault = fault
    openai_server.template = fault is not None
    quick = filled_reranked.rerank.model_copy(update={"timeout": 0.3})
    found = await searched(filled_reranked.model_copy(update={"rerank": quick}))
    assert [(r.passage, r.score) for r in found.results] == [(r.passage, r.score) for r in plain.results]
    (warning,) = found.warnings
    assert warning.startswith("Not reranked, because ")
    assert openai_server.url in warning


async def test_the_answer_carries_the_warning(filled_reranked: Settings, openai_server: OpenAIServer) -> None:
    """A transcript shows that its sources were not reranked."""
    openai_server.fault = faults.BUSY
    answer = answered(await events(filled_reranked, SEARCHED)).answer
    assert any(warning.startswith("Not reranked") for warning in answer.warnings)


@pytest.mark.parametrize("found_by", ["zyzzyva", "more words"])
async def test_fewer_than_two_passages_need_no_order(
    found_by: str, reranked: Settings, corpus: CorpusWriter, openai_server: OpenAIServer
) -> None:
    """Nothing to put in order, nothing to ask."""
    await fill(reranked, corpus(RECORDS[2:]))
    assert not (await searched(reranked, found_by)).warnings
    assert found_by not in [request.body["query"] for request in openai_server.requests]


def test_an_unknown_domain_is_told_at_once(settings: SettingsFactory) -> None:
    """Not at the first question."""
    with pytest.raises(SettingsError, match="no domain"):
        open_reranking(settings({"rerank.provider": "server", "embedding.domain": "astrology"}))

"""The model that writes answers, over a real socket: what comes through, and every way it fails made plain."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

import pytest
from pydantic import SecretStr

from assistant.answering.generator import Generator
from configs.errors import CitewellError, ServerBusy, ServerError, ServerGarbled, ServerRefused, ServerUnreachable
from configs.settings import GenerationSettings
from tests.support import faults
from tests.support.openai_server import OpenAIServer

QUESTION = [{"role": "user", "content": "What is metformin?"}]
KEY = "sk-very-secret-0123456789"
SOON = 0.4

GeneratorFactory = Callable[..., Generator]


@pytest.fixture
async def connect(openai_server: OpenAIServer) -> AsyncIterator[GeneratorFactory]:
    """`connect(timeout=…)`: a generator of the fake server, closed after the test."""
    made: list[Generator] = []

    def make(url: str | None = None, **fields: Any) -> Generator:
        made.append(Generator(GenerationSettings(**fields), url or openai_server.url))
        return made[-1]

    yield make
    for generator in made:
        await generator.close()


async def streamed(generator: Generator) -> list[str]:
    """The pieces of one reply."""
    return [piece async for piece in generator.stream(QUESTION)]


async def failure(generator: Generator) -> tuple[str, CitewellError]:
    """What had streamed, and the error that ended it."""
    pieces: list[str] = []
    try:
        async for piece in generator.stream(QUESTION):
            pieces.append(piece)  # noqa: PERF401 -- what came before the error is wanted too
    except CitewellError as error:
        return "".join(pieces), error
    raise AssertionError("it did not fail")


async def test_pieces_come_as_they_are_sent_and_the_settings_go_with_the_request(
    connect: GeneratorFactory, openai_server: OpenAIServer
) -> None:
    """Text streams through unchanged; model, temperature and max_tokens reach the server."""
    openai_server.reply = ["Met", "formin ", "lowers\n\n", "glucose [1]", "。😀"]
    generator = connect(model="some/model", temperature=0.5, max_tokens=77)
    assert await streamed(generator) == list(openai_server.reply)
    assert not generator.cut_short
    body = openai_server.requests[0].body
    assert (body["model"], body["temperature"], body["max_tokens"]) == ("some/model", 0.5, 77)
    assert body["stream"] is True
    assert body["messages"] == QUESTION


@pytest.mark.parametrize("size", [1, 2, 3, 5, 9, 1000])
@pytest.mark.parametrize(
    ("reply", "shown"),
    [
        ("<think>It may\nbe [3].</think>\n\nMetformin [1].", "Metformin [1]."),
        ("\n <think></think>Metformin [1].", "Metformin [1]."),
        ("< 5 % of patients [1].", "< 5 % of patients [1]."),
        ("<thin> skin [1].", "<thin> skin [1]."),
        ("Skin </think> and <think> are words here.", "Skin </think> and <think> are words here."),
    ],
)
async def test_a_leading_thought_is_left_out_wherever_the_pieces_are_cut(
    size: int, reply: str, shown: str, connect: GeneratorFactory, openai_server: OpenAIServer
) -> None:
    """A reasoning model's thoughts never reach the reader, and nothing else is mistaken for them."""
    openai_server.reply = [reply[at : at + size] for at in range(0, len(reply), size)]
    pieces = await streamed(connect())
    assert "".join(pieces) == shown
    assert size == 1000 or len(pieces) > 1, "it still streams"


async def test_a_thought_that_never_ends_shows_nothing(connect: GeneratorFactory, openai_server: OpenAIServer) -> None:
    """A model that spends all its tokens on thinking has said nothing, and is known to be cut short."""
    openai_server.reply = ["<think>", "first ", "then ", "and so on"]
    generator = connect(max_tokens=3)
    assert await streamed(generator) == []
    assert generator.cut_short


async def test_an_answer_at_max_tokens_is_known_to_be_cut_short(
    connect: GeneratorFactory, openai_server: OpenAIServer
) -> None:
    """finish_reason “length” is noticed, and forgotten with the next answer."""
    openai_server.reply = ["Metformin ", "lowers ", "glucose."]
    generator = connect(max_tokens=2)
    assert await streamed(generator) == ["Metformin ", "lowers "]
    assert generator.cut_short
    openai_server.reply = ["Yes."]
    await streamed(generator)
    assert not generator.cut_short


@pytest.mark.parametrize("fault", [faults.Hang(), faults.StreamSilence(after=1)])
async def test_a_server_that_hangs_is_given_up_in_time(
    fault: faults.Fault, connect: GeneratorFactory, openai_server: OpenAIServer
) -> None:
    """generation.timeout bounds every silence, before the first token and after it."""
    openai_server.fault = fault
    openai_server.reply = ["Metformin ", "lowers"]
    started = time.monotonic()
    partial, error = await failure(connect(timeout=SOON))
    assert SOON <= time.monotonic() - started < SOON + 15
    assert isinstance(error, ServerUnreachable)
    assert error.where == openai_server.url
    assert "in time" in error.what
    assert "generation.timeout" in error.fix
    assert partial == ("" if isinstance(fault, faults.Hang) else "Metformin ")


async def test_a_server_that_is_not_there_is_told_with_the_command_that_starts_it(
    connect: GeneratorFactory, openai_server: OpenAIServer
) -> None:
    """Connection refused comes at once, names the address, and says how to start one."""
    generator = connect()
    openai_server.stop()
    _, error = await failure(generator)
    assert isinstance(error, ServerUnreachable)
    assert error.where == openai_server.url
    assert "citewell serve generation" in error.fix
    assert "generation.url" in error.fix


@pytest.mark.parametrize(
    ("fault", "partial"),
    [
        (faults.BUSY, ""),
        (faults.Status(429, {"error": {"message": "slow down"}}), ""),
        (faults.StreamError(after=0), ""),
        (faults.StreamError(after=2), "Metformin lowers "),
    ],
)
async def test_an_overloaded_server_is_told_as_busy(
    fault: faults.Fault, partial: str, connect: GeneratorFactory, openai_server: OpenAIServer
) -> None:
    """503, 429 and SGLang's error inside a 200 stream all say: not now; once, without repeating the call."""
    openai_server.fault = fault
    openai_server.reply = ["Metformin ", "lowers ", "glucose."]
    came, error = await failure(connect())
    assert isinstance(error, ServerBusy)
    assert "overloaded" in error.what
    assert came == partial
    assert len(openai_server.requests) == 1


async def test_another_error_inside_a_stream_is_told_in_the_servers_words(
    connect: GeneratorFactory, openai_server: OpenAIServer
) -> None:
    """An error in mid-answer that is no overload is still no answer."""
    openai_server.fault = faults.StreamError(after=1, message="CUDA out of memory", code=500)
    _, error = await failure(connect())
    assert isinstance(error, ServerError)
    assert not isinstance(error, ServerBusy)
    assert "CUDA out of memory" in error.what


@pytest.mark.parametrize("after", [0, 1, 2])
async def test_a_stream_that_is_cut_is_an_error_and_what_came_is_kept(
    after: int, connect: GeneratorFactory, openai_server: OpenAIServer
) -> None:
    """Half an answer is never passed off as a whole one."""
    openai_server.fault = faults.StreamCut(after=after)
    openai_server.reply = ["Metformin ", "lowers ", "glucose."]
    partial, error = await failure(connect())
    assert isinstance(error, ServerUnreachable)
    assert "broke off" in error.what
    assert partial == "".join(openai_server.reply[:after])


@pytest.mark.parametrize(
    "fault", [faults.Garbage(), faults.Status(200, {"hello": "world"}), faults.Status(200, "data: {oops\n\n")]
)
async def test_an_answer_outside_the_protocol_is_told_as_such(
    fault: faults.Fault, connect: GeneratorFactory, openai_server: OpenAIServer
) -> None:
    """A login page or another program at that port is named for what it is, with the setting to look at."""
    openai_server.fault = fault
    _, error = await failure(connect())
    assert isinstance(error, ServerGarbled)
    assert "generation.url" in error.fix


async def test_a_wrong_key_names_the_variable_and_shows_no_key(
    connect: GeneratorFactory, openai_server: OpenAIServer
) -> None:
    """The message says which variable to set; the key itself stands nowhere in it."""
    openai_server.api_key = "another"
    _, error = await failure(connect(api_key=SecretStr(KEY)))
    assert isinstance(error, ServerRefused)
    assert "CITEWELL_GENERATION__API_KEY" in error.fix
    assert KEY not in str(error)
    assert openai_server.requests[0].headers["Authorization"] == f"Bearer {KEY}"


async def test_a_key_read_from_a_file_may_end_in_a_line_break(openai_server: OpenAIServer) -> None:
    """What the shell or a secret's file appends does not make a good key a server that does not answer."""
    openai_server.api_key = KEY
    settings = GenerationSettings.model_validate({"api_key": f" {KEY}\n", "url": f"{openai_server.url}\n"})
    generator = Generator(settings, settings.url or "")
    try:
        assert await streamed(generator)
    finally:
        await generator.close()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503])
async def test_a_server_that_echoes_the_key_does_not_get_it_printed(
    status: int, connect: GeneratorFactory, openai_server: OpenAIServer
) -> None:
    """Whatever a server says, the key is masked in what the reader sees."""
    openai_server.fail_with(status, {"error": {"message": f"Incorrect key provided: {KEY}"}})
    _, error = await failure(connect(api_key=SecretStr(KEY)))
    assert isinstance(error, ServerError)
    assert KEY not in str(error)


async def test_an_unknown_model_or_path_says_which_settings_to_correct(
    connect: GeneratorFactory, openai_server: OpenAIServer
) -> None:
    """A url without /v1 is the usual slip: the message names model and url."""
    _, error = await failure(connect(url=openai_server.url.removesuffix("/v1")))
    assert isinstance(error, ServerRefused)
    assert "generation.model or generation.url" in error.fix
    assert "/v1" in error.fix


@pytest.mark.parametrize("how", ["close", "cancel"])
async def test_stopping_in_mid_answer_hangs_up(
    how: str, connect: GeneratorFactory, openai_server: OpenAIServer
) -> None:
    """Esc or Ctrl+C frees the GPU: the server sees the connection close, it does not write on for nobody."""
    openai_server.fault = faults.StreamSilence(after=2)
    openai_server.reply = ["a ", "b ", "c"]
    pieces: list[str] = []
    two = asyncio.Event()

    async def read() -> None:
        async with aclosing(connect().stream(QUESTION)) as stream:
            async for piece in stream:
                pieces.append(piece)
                if len(pieces) == 2:
                    two.set()
                    if how == "close":
                        return

    reader = asyncio.create_task(read())
    await asyncio.wait_for(two.wait(), 10)
    if how == "cancel":
        reader.cancel()
    await asyncio.gather(reader, return_exceptions=True)
    assert await asyncio.to_thread(openai_server.requests[0].hung_up.wait, 10)
    assert pieces == ["a ", "b "]


async def test_a_whole_reply_comes_without_thoughts_even_where_their_opening_tag_stood_in_the_prompt(
    connect: GeneratorFactory, openai_server: OpenAIServer
) -> None:
    """Some chat templates open `<think>` themselves, so that only its end is in the reply."""
    openai_server.reply = ["It may be ", "a drug.\n</thi", "nk>\n\n", "What is metformin? "]
    assert await connect().complete(QUESTION) == "What is metformin?"

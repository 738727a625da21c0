"""`citewell ask`: one question, one checkable answer."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, nullcontext

import click

from assistant.answering.answer import Answer, Answered, Cautioned, Failed, Token
from assistant.answering.engine import Engine
from assistant.commands import caution, output
from assistant.commands.options import Loaded, domain_option, filter_option, with_settings
from assistant.commands.question import question_argument
from configs.settings import Settings


@click.command(
    epilog=output.example(
        'citewell ask "When must metformin be stopped?" --filter "year>=2015 -type:letter"',
        "citewell ask --json < question.txt",
    )
)
@question_argument
@click.option("--json", "as_json", is_flag=True, help="One line of JSON, with every passage whole.")
@click.option("--plain", is_flag=True, help="Plain text at once, as to a pipe; no streaming.")
@filter_option
@domain_option
@with_settings
def ask(question: str, *, as_json: bool, plain: bool, loaded: Loaded) -> None:
    """Answer QUESTION from the index, each sentence with its sources.

    A terminal sees the draft as it is written, and then the answer in its place; a pipe gets the
    answer alone. Where the corpus does not answer, it says so and lists the nearest passages.
    """
    caution.before_sending(question, loaded.settings)
    stream = output.erasable() and not (as_json or plain)
    answer = asyncio.run(_asked(question, loaded.settings, stream=stream, as_json=as_json))
    if as_json:
        output.put_json(answer.to_json())
    else:
        output.put_answer(answer)


async def _asked(question: str, settings: Settings, *, stream: bool, as_json: bool) -> Answer:
    engine = await Engine.open(settings)
    draft = output.draft() if stream and engine.model is not None else nullcontext()
    try:
        with draft as show:
            async with aclosing(engine.ask(question)) as events:
                async for event in events:
                    if isinstance(event, Cautioned) and event.emergency:
                        caution.put_emergency(event.emergency, as_json=as_json)
                    if isinstance(event, Token) and show is not None:
                        show(event.text)
                    if isinstance(event, Failed):
                        raise event.error
                    if isinstance(event, Answered):
                        return event.answer
    finally:
        await engine.close()
    raise AssertionError("the engine ended without an answer")

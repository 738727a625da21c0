"""`citewell ask`: one question, one checkable answer."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, nullcontext
from pathlib import Path

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
        "citewell ask --file questions.txt --table evidence.csv",
    )
)
@question_argument
@click.option(
    "--file", metavar="FILE", is_eager=True, help="Many questions: one a line, or a `question` column; - reads stdin."
)
@click.option(
    "--table", type=click.Path(path_type=Path), help="With --file: a row each into .csv, .tsv, .md or .jsonl."
)
@click.option("--force", is_flag=True, help="With --table: begin it anew.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON, with every passage whole.")
@click.option("--plain", is_flag=True, help="Plain text at once, as to a pipe; no streaming.")
@filter_option
@domain_option
@with_settings
def ask(
    question: str,
    *,
    file: str | None,
    table: Path | None,
    force: bool,
    as_json: bool,
    plain: bool,
    loaded: Loaded,
) -> int:
    """Answer QUESTION from the index, each sentence with its sources.

    A terminal sees the draft as it is written, and then the answer in its place; a pipe gets the
    answer alone. Where the corpus does not answer, it says so and lists the nearest passages.

    With --file and --table many are answered, a row of evidence each. Rows are written as they come:
    a run that was stopped goes on when it is started again, and asks what failed once more.
    """
    if file is not None:
        return _asked_all(file, table, loaded.settings, force=force, as_json=as_json)
    if table is not None:
        raise click.UsageError("--table goes with --file.")
    caution.before_sending(question, loaded.settings)
    stream = output.erasable() and not (as_json or plain)
    answer = asyncio.run(_asked(question, loaded.settings, stream=stream, as_json=as_json))
    if as_json:
        output.put_json(answer.to_json())
    else:
        output.put_answer(answer)
    return 0


def _asked_all(file: str, table: Path | None, settings: Settings, *, force: bool, as_json: bool) -> int:
    # Imported here: one question needs nothing of it.
    from assistant.commands.table import answer_all, read_questions

    if table is None and not as_json:
        raise click.UsageError("--file needs --table TABLE, or --json for a line of JSON each.")
    return answer_all(read_questions(file), settings, table, force=force, as_json=as_json)


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

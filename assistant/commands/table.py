"""`citewell ask --file QUESTIONS --table TABLE`: many questions, answered in order, a row of evidence each."""

from __future__ import annotations

import asyncio
import csv
import json
import sys
from collections import deque
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from assistant.answering.answer import Answer, Answered, Cautioned, Failed
from assistant.answering.engine import Engine
from assistant.commands import output
from assistant.commands.progress import counted
from configs.errors import CitewellError, InputError
from ingest.text import one_line

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Sequence

    from assistant.records.evidence_table import EvidenceTable
    from configs.settings import Settings

SOME_FAILED = 3
Outcome: TypeAlias = Answer | CitewellError


def read_questions(name: str) -> list[str]:
    """The questions of a file: one a line, or the `question` of each row (.csv, .tsv) or object (.jsonl); `-` is stdin.

    Raises:
        InputError: it cannot be read, is not UTF-8, has no such column, or no question at all.
    """
    try:
        raw = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError("is not UTF-8", where=_shown(name), fix="Convert it to UTF-8.") from None
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be read: {getattr(error, 'strerror', error)}", where=_shown(name)) from error
    suffix = Path(name).suffix.lower()
    if suffix in (".csv", ".tsv"):
        found = _of_table(text, name, "\t" if suffix == ".tsv" else ",")
    elif suffix in (".jsonl", ".ndjson") or (name == "-" and text.lstrip().startswith("{")):
        found = _of_objects(text, name)
    else:
        found = iter(text.splitlines())
    questions = [question.strip() for question in found if question.strip()]
    if not questions:
        raise InputError("holds no question", where=_shown(name), fix="Write one question a line.")
    return questions


def answer_all(
    questions: Sequence[str], settings: Settings, path: Path | None, *, force: bool = False, as_json: bool = False
) -> int:
    """Answer the questions that the table at `path` does not hold yet; without a path all of them, as lines of JSON.

    Returns:
        0, or 3 where some could not be answered: their rows say why, and the same command asks them again.
    """
    if path is None:
        return asyncio.run(_printed(questions, settings))
    from assistant.records.evidence_table import EvidenceTable

    table = EvidenceTable(path, force=force)
    rows: dict[int, str] = {n: row for n, question in enumerate(questions) if (row := table.take(question))}
    others = table.rest()
    if rows:
        output.complain(f"{len(rows):,} of {len(questions):,} questions are answered in {one_line(str(path))} already.")
    try:
        failed = asyncio.run(_tabled(questions, settings, table, others, rows))
    except KeyboardInterrupt:
        output.complain(
            f"{len(rows):,} of {len(questions):,} rows are in {one_line(str(path))}; the same command goes on from there."
        )
        raise
    if as_json:
        output.put_json({"table": str(path), "questions": len(questions), "failed": failed})
    else:
        again = f"; {failed:,} failed, run it again to ask them anew" if failed else ""
        output.say(
            f"{len(questions) - failed:,} of {len(questions):,} questions answered: {one_line(str(path))}{again}"
        )
    return SOME_FAILED if failed else 0


async def _tabled(
    questions: Sequence[str], settings: Settings, table: EvidenceTable, others: list[str], rows: dict[int, str]
) -> int:
    """Fill in `rows`, by number of the question, and the table with them; how many questions failed."""
    from assistant.records import evidence_table

    todo = [n for n in range(len(questions)) if n not in rows]
    failed = 0
    engine = await Engine.open(settings)
    try:
        table.begin([*others, *(rows[n] for n in sorted(rows))])
        with counted("Questions") as told:
            async with aclosing(_outcomes(engine, [questions[n] for n in todo])) as outcomes:
                for n in todo:
                    outcome = await anext(outcomes)
                    if isinstance(outcome, Answer):
                        row = evidence_table.of_answer(outcome)
                    else:
                        failed += 1
                        row = evidence_table.of_error(questions[n], outcome)
                    rows[n] = table.line(row)
                    table.append(rows[n])
                    told(len(rows), len(questions))
        table.finish([*others, *(rows[n] for n in sorted(rows))])
    finally:
        await engine.close()
    return failed


async def _printed(questions: Sequence[str], settings: Settings) -> int:
    """Each answer as a line of JSON; of a question that failed, the question and the error."""
    from assistant.records.evidence_table import of_error

    failed = 0
    engine = await Engine.open(settings)
    try:
        async with aclosing(_outcomes(engine, questions)) as outcomes:
            for question in questions:
                outcome = await anext(outcomes)
                if isinstance(outcome, Answer):
                    output.put_json(outcome.to_json())
                else:
                    failed += 1
                    output.put_json(of_error(question, outcome))
    finally:
        await engine.close()
    return SOME_FAILED if failed else 0


async def _outcomes(engine: Engine, questions: Sequence[str]) -> AsyncGenerator[Outcome, None]:
    """What became of each question, in order, `generation.concurrency` of them under way where a model writes."""

    async def ask(question: str) -> Outcome:
        async with aclosing(engine.ask(question)) as events:
            async for event in events:
                if isinstance(event, Cautioned) and event.concern:
                    output.complain(f"Warning: “{one_line(question)[:40]}…”: {event.concern}.")
                if isinstance(event, Failed):
                    output.complain(f"“{one_line(question)[:60]}”: {one_line(event.error.what)}")
                    return event.error
                if isinstance(event, Answered):
                    return event.answer
        raise AssertionError("the engine ended without an answer")

    at_once = engine.settings.generation.concurrency if engine.model else 1
    async with aclosing(_in_order(ask, questions, at_once)) as outcomes:
        async for outcome in outcomes:
            yield outcome


async def _in_order(
    ask: Callable[[str], Awaitable[Outcome]], questions: Iterable[str], at_once: int
) -> AsyncGenerator[Outcome, None]:
    pending: deque[asyncio.Future[Outcome]] = deque()
    try:
        for question in questions:
            pending.append(asyncio.ensure_future(ask(question)))
            if len(pending) == at_once:
                yield await pending[0]
                pending.popleft()
        while pending:
            yield await pending[0]
            pending.popleft()
    finally:
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)


def _of_table(text: str, name: str, delimiter: str) -> Iterator[str]:
    reader = csv.DictReader(text.splitlines(keepends=True), delimiter=delimiter)
    column = next((field for field in reader.fieldnames or () if field and field.strip().lower() == "question"), None)
    if column is None:
        raise InputError(
            "has no column “question”", where=_shown(name), fix="Name the column of the questions so in the first row."
        )
    return (row[column] or "" for row in reader)


def _of_objects(text: str, name: str) -> Iterator[str]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            question = json.loads(line)["question"]
        except (ValueError, TypeError, KeyError, RecursionError):
            question = None
        if not isinstance(question, str):
            raise InputError("is no JSON object with a “question”", where=f"{_shown(name)}:{number}")
        yield question


def _shown(name: str) -> str:
    return "standard input" if name == "-" else one_line(name)

"""`citewell check`: is each sentence of a file borne out by the source beside it?"""

from __future__ import annotations

import asyncio
import json
from typing import BinaryIO

import click

from assistant.answering.support import UNCHECKED, Support, check_with
from assistant.answering.support import check as check_pair
from assistant.commands import output
from assistant.commands.options import Loaded, with_settings
from configs.errors import InputError
from ingest.embedding import Embedder, open_embedder
from ingest.text import one_line

_SOME_REJECTED = 3


@click.command(epilog=output.example("citewell check pairs.jsonl", "citewell check --json - < pairs.jsonl"))
@click.argument("pairs", type=click.File("rb"), metavar="PAIRS.jsonl")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON a pair.")
@with_settings
def check(pairs: BinaryIO, *, as_json: bool, loaded: Loaded) -> int:
    """Check each sentence of PAIRS.jsonl against its source: lines of {"sentence", "source"}, answered in order.

    Numbers, units, directions, denials and names are compared in this process, and the meaning too where the
    settings have an in-process embedder; no model is asked. - reads standard input. A line that holds no pair is
    named on standard error and answered as unchecked.
    """
    settings = loaded.settings
    embedder = open_embedder(settings.embedding, retries=0) if settings.embedding.provider == "fastembed" else None
    name = "standard input" if pairs.name in ("-", "<stdin>") else str(pairs.name)
    rejected = False
    for number, line in enumerate(pairs, start=1):
        if not line.strip():
            continue
        try:
            sentence, source = _pair(line)
        except InputError as error:
            rejected = True
            output.complain(f"{one_line(name)}:{number}: {error.what}")
            _put(UNCHECKED, f"line {number}", error=error.what, as_json=as_json)
        else:
            _put(_checked(sentence, source, embedder), sentence, as_json=as_json)
    return _SOME_REJECTED if rejected else 0


def _pair(line: bytes) -> tuple[str, str]:
    """The sentence and the source of a line; raises InputError where it holds none."""
    try:
        record = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise InputError("not UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"not valid JSON: {one_line(str(error))}") from None
    if not isinstance(record, dict):
        raise InputError("a JSON object is needed")
    for key in ("sentence", "source"):
        if not isinstance(record.get(key), str):
            raise InputError(f"no “{key}” (a string is needed)")
    return record["sentence"], record["source"]


def _checked(sentence: str, source: str, embedder: Embedder | None) -> Support:
    # One loop a pair: reading standard input between them stays open to Ctrl-C.
    return asyncio.run(check_with(embedder, sentence, source)) if embedder else check_pair(sentence, source)


def _put(support: Support, sentence: str, *, as_json: bool, error: str = "") -> None:
    if as_json:
        output.put_json(support.to_json() | ({"error": error} if error else {}))
        return
    output.say(f"{support.verdict:<12}  {support.score:4.2f}  {one_line(error or sentence)}")
    for reason in support.reasons:
        output.say(f"{'':<20}{reason.kind}: {one_line(reason.text)}")

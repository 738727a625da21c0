"""`citewell check`: is each sentence borne out by the source beside it, or by the index?"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import click

from assistant.answering.support import UNCHECKED, Support, check_with
from assistant.answering.support import check as check_pair
from assistant.commands import output
from assistant.commands.options import Loaded, with_settings
from configs.errors import InputError
from ingest.embedding import Embedder, open_embedder
from ingest.text import one_line

if TYPE_CHECKING:
    from assistant.answering.answer import Answer, Sentence, Source
    from configs.settings import Settings

_SOME_REJECTED = 3
_OF_SOURCE = ("doc_id", "title", "url", "passage", "section", "pages", "start", "end", "text")


@click.command(
    epilog=output.example(
        "citewell check pairs.jsonl",
        "citewell check --json - < pairs.jsonl",
        "citewell check --text answer.md --index guidelines",
    )
)
@click.argument("pairs", type=click.File("rb"), metavar="[PAIRS.jsonl]", required=False)
@click.option("--text", type=click.File("rb"), metavar="FILE", help="A text of anyone's, checked against the index.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON a pair, or a sentence of the text.")
@with_settings
def check(pairs: BinaryIO | None, *, text: BinaryIO | None, as_json: bool, loaded: Loaded) -> int:
    """Check each sentence of PAIRS.jsonl against its source: lines of {"sentence", "source"}, answered in order.

    Numbers, units, directions, denials and names are compared in this process, and the meaning too where the
    settings have an in-process embedder; no model is asked. - reads standard input. A line that holds no pair is
    named on standard error and answered as unchecked.

    With --text, each sentence of a Markdown or plain text is held against the index: against the document that
    its marker stands for, where the text ends in a list of references (DOI, PubMed number or title) that the
    index has; else against what a search for it finds. The exit status is 3 where a sentence is not supported.
    """
    if (pairs is None) == (text is None):
        raise click.UsageError("Give either PAIRS.jsonl or --text FILE.")
    if text is not None:
        return _check_text(text, loaded.settings, as_json=as_json)
    return _check_pairs(cast("BinaryIO", pairs), loaded.settings, as_json=as_json)


def _check_text(file: BinaryIO, settings: Settings, *, as_json: bool) -> int:
    name = _name(file)
    try:
        text = file.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError("the text is not UTF-8", where=name, fix="Convert it to UTF-8.") from None
    answer = asyncio.run(_examined(text, settings))
    known = {source.n: source for source in answer.sources}
    for warning in answer.warnings:
        output.complain(f"Note: {warning}")
    for sentence in answer.sentences:
        source = known[sentence.citations[0]] if sentence.citations else None
        if as_json:
            output.put_json(_as_json(sentence, source))
        else:
            _put_sentence(sentence, source)
    if not as_json:
        output.say("\n" + ", ".join(f"{count} {verdict}" for verdict, count in answer.tally.items()))
    return 0 if set(answer.tally) <= {"supported"} else _SOME_REJECTED


async def _examined(text: str, settings: Settings) -> Answer:
    # Imported here: pairs need no index.
    from assistant.answering.examination import examine
    from assistant.answering.retrieval import Searcher

    searcher = await Searcher.open(settings)
    try:
        return await examine(text, searcher, settings)
    finally:
        await searcher.close()


def _as_json(sentence: Sentence, source: Source | None) -> dict[str, Any]:
    """A line of `--text --json`: the sentence's verdict as for a pair, and the source it is held against."""
    if source is None or not sentence.checks:
        return {
            "sentence": sentence.text,
            **UNCHECKED.to_json(),
            "document_span": None,
            "judged_by": None,
            "source": None,
        }
    found = sentence.checks[0].to_json({source.n: source.start})
    shown = source.to_json()
    return {
        "sentence": sentence.text,
        **found,
        "verdict": sentence.verdict,
        "judged_by": sentence.judged_by,
        "opinion": sentence.opinion.to_json({source.n: source.start}) if sentence.opinion else None,
        "source": {key: shown[key] for key in _OF_SOURCE},
    }


def _put_sentence(sentence: Sentence, source: Source | None) -> None:
    score = sentence.checks[0].support.score if sentence.checks else 0.0
    output.say(f"{sentence.verdict:<12}  {score:4.2f}  {one_line(sentence.text)}")
    for reason in sentence.reasons:
        output.say(f"{'':<20}{one_line(reason)}")
    if source is not None:
        span = sentence.checks[0].support.span if sentence.checks else None
        where = source.where(*([span] if span else []))
        output.say(f"{'':<20}{output.reference(source.title, source.evidence, source.doc_id, where)}")
        if span is not None:
            output.say(output.excerpt_of(f"“{source.text[slice(*span)]}”", indent=" " * 20))


def _name(file: BinaryIO) -> str:
    return "standard input" if file.name in ("-", "<stdin>") else one_line(str(file.name))


def _check_pairs(pairs: BinaryIO, settings: Settings, *, as_json: bool) -> int:
    embedder = open_embedder(settings.embedding, retries=0) if settings.embedding.provider == "fastembed" else None
    rejected = False
    for number, line in enumerate(pairs, start=1):
        if not line.strip():
            continue
        try:
            sentence, source = _pair(line)
        except InputError as error:
            rejected = True
            output.complain(f"{_name(pairs)}:{number}: {error.what}")
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

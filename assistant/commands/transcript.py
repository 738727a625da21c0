"""`citewell transcript`: is what was written out still true to its sources? And into other forms."""

from __future__ import annotations

import asyncio
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from assistant.commands import output
from assistant.commands.options import Loaded, with_settings
from assistant.records.transcript import FORMS, Form, export, render
from configs.errors import CitewellError, InputError
from ingest.text import one_line

if TYPE_CHECKING:
    from assistant.records.verification import Report
    from configs.settings import Settings

_STATUS = {"verified": 0, "failed": 1, "changed": 3}
_MOST_FINDINGS = 50


@click.group(epilog=output.example("citewell transcript verify report.html"))
def transcript() -> None:
    """Verify a transcript, or write it out in another form."""


@transcript.command(
    epilog=output.example("citewell transcript verify report.html", "citewell transcript verify a.json --json")
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--offline", is_flag=True, help="Leave the index alone.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON.")
@with_settings
def verify(file: Path, *, offline: bool, as_json: bool, loaded: Loaded) -> int:
    """Check that FILE (.json, .html; of .md only its hash) is as it was written and still true.

    Nothing was edited, every quote stands where it says, citations have sources, verdicts come out again; and, where
    the index is here, its sources are what they were. No model and no network is needed. Exit status: 0 verified,
    1 edited or false, 3 the index (or the checker) has changed since.
    """
    from assistant.records import verification

    report = verification.verify(file)
    looked = [] if offline else asyncio.run(_against_indexes(report, loaded))
    if as_json:
        output.put_json(_json(file, report, looked))
    else:
        _put(file, report, looked)
    return _STATUS[report.status]


@transcript.command("export", epilog=output.example("citewell transcript export report.html references.bib"))
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("to", default="-", type=click.Path(path_type=Path))
@click.option("--format", "form", type=click.Choice(FORMS), help="Which form; else the suffix of TO decides.")
@click.option("--force", is_flag=True, help="Take the place of a file that is there.")
@with_settings
def export_(file: Path, to: Path, *, form: Form | None, force: bool, loaded: Loaded) -> None:
    """Write FILE, a transcript (.json or .html), out as TO in another form.

    Without TO, or with -, it goes to standard output; --format then says in which form (else Markdown).
    """
    from assistant.records import verification

    report = verification.verify(file)
    if report.session is None:
        raise InputError("holds no session that can be read", where=str(file), fix="Use its .json or .html form.")
    if report.status == "failed":
        raise InputError(
            "was edited, or is false",
            where=str(file),
            fix=f"See what: citewell transcript verify {one_line(str(file))}",
        )
    if str(to) == "-":
        click.echo(render(report.session, form or "md"), nl=False)
    else:
        output.say(f"Saved to {export(report.session, to, form, force=force)}")


async def _against_indexes(report: Report, loaded: Loaded) -> list[tuple[str, str]]:
    """Compare with each index that was asked, or the one that `--index` names; each with what became of that."""
    from assistant.records import verification_index
    from ingest.index.open import open_index

    given = loaded.settings.index.name if loaded.origins.get("index.name") == "flag" else ""
    answers = list(enumerate(report.session.answers if report.session else (), 1))
    looked = []
    for name, group in groupby(sorted(answers, key=lambda one: one[1].index), lambda one: given or one[1].index):
        try:
            index = await open_index(_of(loaded.settings, name), check=False)
            try:
                await verification_index.against(report, list(group), index)
            finally:
                await index.close()
            looked.append((name, "compared"))
        except CitewellError as error:
            looked.append((name, f"not compared: {error.what}"))
    return looked


def _of(settings: Settings, name: str) -> Settings:
    return settings.model_copy(update={"index": settings.index.model_copy(update={"name": name})})


def _put(file: Path, report: Report, looked: list[tuple[str, str]]) -> None:
    answers = len(report.session.answers) if report.session else 0
    if report.session:
        output.say(f"{file}: {_count(answers, 'answer')}, written by citewell {report.version}")
        output.say(f"  {_count(report.quotes, 'quote')} and places in passages looked up")
        output.say(f"  {_count(report.verdicts, 'sentence')} checked again")
        output.say(
            f"  {report.whole} of {_count(report.passages, 'passage')} proven by the content hash of the document"
        )
    for name, what in looked:
        output.say(f"  index {one_line(name)}: {what}")
    for finding in report.findings[:_MOST_FINDINGS]:
        output.say(f"  {finding.level}: {one_line(finding.where)}: {one_line(finding.what)}")
    if len(report.findings) > _MOST_FINDINGS:
        output.say(f"  … and {len(report.findings) - _MOST_FINDINGS} more; --json has all")
    meaning = {"verified": "Verified.", "failed": "Failed.", "changed": "Genuine; something has changed since."}
    output.heading(meaning[report.status])


def _json(file: Path, report: Report, looked: list[tuple[str, str]]) -> dict[str, Any]:
    return {
        "file": str(file),
        "format": report.form,
        "status": report.status,
        "citewell": report.version,
        "answers": len(report.session.answers) if report.session else 0,
        "quotes": report.quotes,
        "verdicts": report.verdicts,
        "passages": report.passages,
        "proven_passages": report.whole,
        "indexes": [{"name": name, "result": what} for name, what in looked],
        "sources": report.sources,
        "findings": [{"level": f.level, "where": f.where, "what": f.what} for f in report.findings],
    }


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"

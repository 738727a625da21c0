"""Transcripts: a session written out in the form that is asked for, to be read, checked or cited elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from assistant.records.files import write
from configs.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from assistant.records.sessions import Session

Form: TypeAlias = Literal["md", "json", "html", "bib", "ris", "csl.json"]
FORMS: tuple[Form, ...] = get_args(Form)
_SUFFIXES: dict[str, Form] = {f".{form}": form for form in FORMS} | {".markdown": "md", ".htm": "html"}


def form_of(path: Path) -> Form:
    """The form that a file's name asks for.

    Raises:
        InputError: none; names the suffixes there are.
    """
    name = path.name.lower()
    # The longest first: refs.csl.json is not a transcript. A bare ".md" is a hidden file without a suffix.
    for suffix in sorted(_SUFFIXES, key=len, reverse=True):
        if name.endswith(suffix) and name != suffix:
            return _SUFFIXES[suffix]
    endings = ", ".join(f".{form}" for form in FORMS)
    raise InputError(
        "the file's name does not say what to write",
        where=str(path),
        fix=f"Let it end in one of: {endings}.",
        usage=True,
    )


def render(session: Session, form: Form) -> str:
    """A session in one form: Markdown, JSON or HTML whole, or what it cites as BibTeX, RIS or CSL-JSON.

    Raises:
        InputError: a bibliography of a session that cites nothing.
    """
    # Imported here: each form has its own libraries, and one export needs one of them.
    if form == "md":
        from assistant.records.as_markdown import to_markdown

        return to_markdown(session)
    if form == "json":
        from assistant.records.as_json import to_json

        return to_json(session)
    if form == "html":
        from assistant.records.as_html import to_html

        return to_html(session)
    from assistant.records import bibliography, references

    cited = references.cited(session.answers)
    if not cited:
        raise InputError("no answer cites a source, so there is nothing to list", where=session.id)
    return {"bib": bibliography.to_bibtex, "ris": bibliography.to_ris, "csl.json": bibliography.to_csl}[form](cited)


def export(session: Session, path: Path, form: Form | None = None, *, force: bool = False) -> Path:
    """Write a session to a file, whole or not at all, in the form that is named, else the one of its suffix.

    Raises:
        InputError: an unknown suffix, nothing to write, a file that is there already (unless `force`), no such
            folder, or one that cannot be written.
    """
    return write(path, render(session, form or form_of(path)), force=force)

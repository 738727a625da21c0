"""What `citewell terms` is given: lists, an embedder with its domain, checked before the work."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from assistant.analysis.term_lists import TermList, is_table, read_terms
from assistant.commands import output
from assistant.commands.options import Loaded
from assistant.commands.progress import counted
from configs.errors import CitewellError, SettingsError
from ingest.progress import Observer
from prompts import library

if TYPE_CHECKING:
    from assistant.analysis.terms import Terms

_DEFAULT_DOMAIN = "medical"


class _Watch(Observer):
    """Says on standard error what the embedding waits for, or does without."""

    def waiting(self, error: CitewellError, seconds: float) -> None:
        """See `Observer`."""
        output.complain(f"{error.where}: {error.what}; asked again in {seconds:.0f} s. Ctrl+C stops.")

    def warned(self, text: str) -> None:
        """See `Observer`."""
        output.complain(f"Note: {text}")


@contextmanager
def embedding(loaded: Loaded, domain: str | None) -> Iterator[Terms]:
    """What embeds terms in this domain, with its bar."""
    from assistant.analysis.terms import Terms

    plain = loaded.settings.embedding.domain == "none"
    try:
        form = library.term_form(domain or ("none" if plain else _DEFAULT_DOMAIN))
    except SettingsError as error:
        error.usage = domain is not None
        raise
    with counted("Embedding") as progress:
        yield Terms(loaded.settings, form, progress, _Watch())


def size(keep: str | None) -> float | None:
    """What `--pca` says: dimensions, or a share of the variance between 0 and 1."""
    if keep is None:
        return None
    try:
        size = float(keep)
    except ValueError:
        size = math.nan
    if not (0 < size < 1 or (size >= 1 and size.is_integer())):
        raise click.UsageError(
            "--pca takes a number of dimensions, or a share of the variance between 0 and 1, as in 0.9."
        )
    return size


def two_lists(left: str, right: str | None, columns: str | None) -> tuple[TermList, TermList]:
    """Two files of terms, or two columns of one table."""
    if right is not None:
        if columns is not None:
            raise click.UsageError("--columns are those of one table; there are two files.")
        if left == right == "-":
            raise click.UsageError("Only one of the lists can be standard input.")
        return read_terms(left), read_terms(right)
    if not is_table(left):
        raise click.UsageError("Name two lists, or one .tsv or .csv that has a column for each.")
    named = [part.strip() for part in columns.split(",")] if columns is not None else []
    if columns is not None and len(named) != 2:
        raise click.UsageError("--columns takes two headings, as in en,zh.")
    ours, theirs = (read_terms(left, column) for column in named or (0, 1))
    return ours, theirs


def made_by(embed: Terms) -> str:
    """Model and domain, for a title."""
    embedding = embed.settings.embedding
    name = embedding.model_path.name if embedding.model_path is not None else embedding.model.rpartition("/")[2]
    return f"{name}, domain {embed.form.domain}"


def made(embed: Terms, *lists: TermList) -> dict[str, Any]:
    """How it was made, and of what."""
    form = embed.form
    files = [
        {
            "name": listed.name,
            "terms": len(listed.terms),
            "rejected": [{"line": line, "reason": reason} for line, reason in sorted(listed.rejected.items())],
        }
        for listed in lists
    ]
    made = {
        "model": embed.settings.embedding.model,
        "domain": form.domain,
        "task": form.task,
        "template": form.template,
    }
    return {**made, "lists": files}

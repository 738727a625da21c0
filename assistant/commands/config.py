"""`citewell config`: the effective settings and where each came from."""

from __future__ import annotations

import click

from assistant.commands import output
from assistant.commands.options import Loaded, with_settings
from configs.files import beside_settings, user_file
from prompts import library


@click.group(epilog=output.example("citewell config show --profile sglang"))
def config() -> None:
    """Show the settings, and the domains there are."""


@config.command(epilog=output.example("citewell config show", "citewell config show --json"))
@click.option("--json", "as_json", is_flag=True, help="One line of JSON: key → [value, origin].")
@with_settings
def show(*, as_json: bool, loaded: Loaded) -> None:
    """Print every setting, its value (secrets masked) and what set it."""
    rows = list(loaded.rows())
    if as_json:
        output.put_json({key: [value, origin] for key, value, origin in rows})
        return
    widest = max(len(key) for key, _, _ in rows)
    for key, value, origin in rows:
        output.say(f"{key:<{widest}}  {value}  ({origin})")
    output.say(f"\nYour own settings go into {user_file()}, as TOML, or into CITEWELL_SECTION__KEY variables.")


@config.command(epilog=output.example("citewell config domains", "citewell config domains --json"))
@click.option("--json", "as_json", is_flag=True, help="One line of JSON.")
@with_settings
def domains(*, as_json: bool, loaded: Loaded) -> None:
    """Print the domains of questions and corpora, with what stands before a question and, if so set, a document."""
    known = library.instructions()
    if as_json:
        output.put_json(
            {one.domain: {"task": one.task, "document_prefix": one.document_prefix} for one in known.values()}
        )
        return
    for one in known.values():
        output.heading(one.domain + (" (in force)" if one.domain == loaded.settings.embedding.domain else ""))
        output.say(f"  before a question: {one.task or 'nothing'}")
        output.say(f"  before a document, with embedding.prefix_documents: {one.document_prefix.strip() or 'nothing'}")
    output.say(
        f"\nAdd your own to {beside_settings('instructions.toml')}, a section with a task and a document_prefix each."
    )

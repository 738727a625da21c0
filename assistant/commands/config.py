"""`citewell config`: the effective settings and where each came from."""

from __future__ import annotations

import click

from assistant.commands import output
from assistant.commands.options import Loaded, with_settings
from configs.files import user_file


@click.group(epilog=output.example("citewell config show --profile sglang"))
def config() -> None:
    """Show the settings."""


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

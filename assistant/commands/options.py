"""The options every command shares, and how they become settings."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import click

from assistant.commands.output import complain
from configs.errors import SettingsError
from configs.loading import PROFILES, Loaded, load
from configs.settings import Settings

C = TypeVar("C", bound=Callable[..., Any])
_FLAGS = "citewell.flags"


def with_settings(command: C) -> C:
    """Give a command `--profile`, `--index`, `--set` and `--debug`, and hand it `loaded`: the settings they make."""

    @click.option("--profile", type=click.Choice(PROFILES), help="Which built-in profile to start from.")
    @click.option("--index", "index_name", metavar="NAME", help="Which index to use (default: default).")
    @click.option(
        "--set", "assignments", multiple=True, metavar="KEY=VALUE", help="Any setting, e.g. --set retrieval.limit=10."
    )
    @click.option("--debug", is_flag=True, help="Show tracebacks.")
    @wraps(command)
    def wrapped(
        *args: Any,
        profile: str | None,
        index_name: str | None,
        assignments: tuple[str, ...],
        debug: bool,
        **kwargs: Any,
    ) -> Any:
        flags = dict(_assignment(text) for text in assignments)
        flags |= click.get_current_context().meta.get(_FLAGS, {})
        if index_name is not None:
            flags["index.name"] = index_name
        loaded = load(profile, flags)
        if loaded.settings.index.betrays_key:
            complain(f"Note: the Qdrant API key goes unencrypted to {loaded.settings.index.url}; use https:// there.")
        return command(*args, loaded=loaded, **kwargs)

    return wrapped  # type: ignore[return-value]


def setting_option(flag: str, key: str, check: Callable[[str], object] = str, **attributes: Any) -> Callable[[C], C]:
    """A flag of some commands that sets one setting, once `check` lets it; `with_settings` must stand below it."""

    def keep(ctx: click.Context, _: click.Parameter, value: str | tuple[str, ...] | None) -> None:
        if value not in (None, ()) and not ctx.resilient_parsing:
            for one in (value,) if isinstance(value, str) else value:
                check(one)
            ctx.meta.setdefault(_FLAGS, {})[key] = value

    return click.option(flag, expose_value=False, callback=keep, **attributes)


def _parsed(text: str) -> None:
    from ingest.filters import parse  # most commands are given none

    parse(text, said_in="--filter")


filter_option = setting_option(
    "--filter",
    "retrieval.filter",
    _parsed,
    metavar="FILTER",
    help="Which records to search, e.g. 'year>=2020 type:rct -retracted'.",
)


def _known(domain: str) -> None:
    from prompts import library  # most commands are given none

    try:
        library.instruction(domain)
    except SettingsError as error:
        error.usage = True
        raise


domain_option = setting_option(
    "--domain",
    "embedding.domain",
    _known,
    metavar="NAME",
    help="What kind of question or corpus it is, for the embedder: citewell config domains.",
)


def _assigned(label: str) -> None:
    from ingest.labelling import assigned  # most runs are given none

    assigned(label)


label_option = setting_option(
    "--label",
    "classify.labels",
    _assigned,
    multiple=True,
    metavar="KEY=MODEL",
    help="Label passages with this classifier; --filter KEY:… then finds them.",
)


def for_index(settings: Settings, name: str) -> Settings:
    """The same settings for another index."""
    return settings.model_copy(update={"index": settings.index.model_copy(update={"name": name})})


def _assignment(text: str) -> tuple[str, Any]:
    """KEY=VALUE as key and value; a value in brackets is a TOML list, all else is text for the settings to convert."""
    key, equals, value = text.partition("=")
    if not equals:
        raise SettingsError(
            f"--set takes KEY=VALUE, not “{text}”", fix="For example: --set retrieval.limit=10", usage=True
        )
    if not value.startswith("["):
        return key.strip(), value
    try:
        return key.strip(), tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"--set {key}: not a TOML list: {error}", usage=True) from None


__all__ = ["Loaded", "domain_option", "filter_option", "for_index", "with_settings"]

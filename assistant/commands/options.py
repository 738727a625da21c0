"""The options every command shares, and how they become settings."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import click

from configs.errors import SettingsError
from configs.loading import PROFILES, Loaded, load

C = TypeVar("C", bound=Callable[..., Any])


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
        if index_name is not None:
            flags["index.name"] = index_name
        return command(*args, loaded=load(profile, flags), **kwargs)

    return wrapped  # type: ignore[return-value]


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


__all__ = ["Loaded", "with_settings"]

"""The files that settings come from: built-in profiles, and the user's own."""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import platformdirs

from configs.errors import SettingsError

Tree = dict[str, Any]


def user_file() -> Path:
    """The user's settings file: `CITEWELL_CONFIG`, else config.toml in the platform's folder."""
    override = os.environ.get("CITEWELL_CONFIG")
    return Path(override) if override else platformdirs.user_config_path("citewell") / "config.toml"


def beside_settings(name: str) -> Path:
    """A file of the user's beside their settings file: instructions.toml and terms.toml hold domains of their own."""
    return user_file().with_name(name)


def leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and values of a nested mapping, depth first."""
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def read_profile(name: str) -> Tree:
    """A built-in profile."""
    return tomllib.loads((Path(__file__).with_name("profiles") / f"{name}.toml").read_text("utf-8"))


def read_user_file(path: Path) -> Tree:
    """The user's settings; empty where there is no such file and none was asked for.

    Raises:
        SettingsError: it is missing though named, unreadable, no TOML, or holds a key and can be read by others.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        if "CITEWELL_CONFIG" in os.environ:
            raise SettingsError(
                "there is no such settings file", where=str(path), fix="Correct CITEWELL_CONFIG or unset it."
            ) from None
        return {}
    except OSError as error:
        raise SettingsError(f"cannot be read: {error.strerror}", where=str(path)) from None
    try:
        tree = tomllib.loads(raw.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"is not valid TOML: {error}", where=str(path)) from None
    holds_secret = any(key.endswith("api_key") for key, _ in leaves(tree))
    if holds_secret and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SettingsError("holds an API key and can be read by others", where=str(path), fix=f"chmod 600 {path}")
    return tree

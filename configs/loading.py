"""Settings from where they are set, and for each value the place that set it.

Precedence, lowest first: built-in profile < user file < environment (`CITEWELL_…`) < flags.
Unknown keys are refused with the nearest known one.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from pydantic import BaseModel, ValidationError

from configs.errors import SettingsError
from configs.files import Tree, leaves, read_profile, read_user_file, user_file
from configs.settings import Settings

PROFILES = ("quickstart", "local", "sglang", "cluster")
ENV_PREFIX = "CITEWELL_"
# Environment names that are ours but no settings: which profile, where to look; and what the names of tests begin with.
ENV_OUTSIDE = ("CITEWELL_PROFILE", "CITEWELL_CONFIG")
ENV_TEST_PREFIX = "CITEWELL_TEST_"


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, and for each dotted key that was set, the name of the place that set it."""

    settings: Settings
    origins: Mapping[str, str]
    asked: tuple[str | None, Mapping[str, Any]] = (None, {})
    """The profile and flags that `load` was given."""

    def again(self) -> Loaded:
        """The same, from files and environment as they are now; errors as `load`."""
        return load(*self.asked)

    def rows(self) -> Iterator[tuple[str, Any, str]]:
        """Each leaf as (dotted key, value as JSON has it with secrets masked, origin)."""
        for key, value in leaves(self.settings.model_dump(mode="json")):
            yield key, value, self.origins.get(key, "default")


def load(profile: str | None = None, flags: Mapping[str, Any] | None = None) -> Loaded:
    """Merge profile, user file, environment and flags (`{"index.name": "x"}`) into settings.

    Raises:
        SettingsError: an unknown profile or key (with the nearest known one), a bad value, a file
            that is not TOML, or a user file that holds a secret and is readable by others.
    """
    path = user_file()
    user = read_user_file(path)
    env = _environment()
    flag_tree = _nest(dict(flags or {}))
    named = [
        ("flag", profile or flag_tree.get("profile")),
        ("environment", os.environ.get("CITEWELL_PROFILE")),
        (str(path), user.get("profile")),
        ("default", "quickstart"),
    ]
    named_by, name = next((origin, name) for origin, name in named if name)
    if name not in PROFILES:
        raise SettingsError(
            f"there is no profile “{name}”",
            where=named_by,
            fix=f"Choose one of: {', '.join(PROFILES)}.",
            usage=named_by == "flag",
        )
    sources = [(f"profile {name}", read_profile(name)), (str(path), user), ("environment", env), ("flag", flag_tree)]
    # A domain that nobody chose stays unset: that of the index goes before it (see `Manifest.filled`).
    merged: Tree = Settings().model_dump(exclude={"embedding": {"domain"}})
    origins: dict[str, str] = {}
    for origin, tree in sources:
        _refuse_unknown(tree, Settings, origin)
        _merge(merged, tree)
        origins.update(dict.fromkeys((key for key, _ in leaves(tree)), origin))
    merged["profile"] = name
    origins["profile"] = named_by
    try:
        return Loaded(Settings(**merged), origins, (profile, dict(flags or {})))
    except ValidationError as error:
        raise _explain(error, origins) from None


def _environment() -> Tree:
    """The `CITEWELL_SECTION__KEY` variables as a tree; pydantic-settings does the parsing."""
    ours = [name for name in os.environ if name.startswith(ENV_PREFIX) and not name.startswith(ENV_TEST_PREFIX)]
    names = [name for name in ours if name not in ENV_OUTSIDE]
    if not names:
        return {}
    known = {f"{ENV_PREFIX}{key.replace('.', '__')}".upper() for key in known_keys()}
    sections = {f"{ENV_PREFIX}{name}".upper() for name in Settings.model_fields}
    for name in names:
        if name.upper() not in known | sections:
            raise SettingsError(
                f"unknown setting {name} in the environment", fix=_nearest(name, sorted({*known, *ENV_OUTSIDE}))
            )
    # Imported here: it takes an eighth of a second, and most runs set nothing in the environment.
    from pydantic_settings import BaseSettings, EnvSettingsSource

    source = EnvSettingsSource(
        cast("type[BaseSettings]", Settings), case_sensitive=False, env_prefix=ENV_PREFIX, env_nested_delimiter="__"
    )
    try:
        values = source()
    except ValueError as error:  # pydantic-settings' own SettingsError: a section that is no JSON object
        raise SettingsError(str(error), where="environment", fix="Set single keys, as CITEWELL_INDEX__NAME.") from None
    values.pop("profile", None)
    return values


def known_keys(model: type[BaseModel] = Settings, prefix: str = "") -> Iterator[str]:
    """Every dotted key that can be set."""
    for name, field in model.model_fields.items():
        annotation = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield from known_keys(annotation, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def _nest(flat: Mapping[str, Any]) -> Tree:
    tree: Tree = {}
    for dotted, value in flat.items():
        *parents, leaf = dotted.split(".")
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
            if not isinstance(node, dict):
                raise SettingsError(f"{parent} is set both as a value and as a section", where="flag", usage=True)
        node[leaf] = value
    return tree


def _merge(into: Tree, tree: Mapping[str, Any]) -> None:
    for key, value in tree.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = dict(value) if isinstance(value, Mapping) else value


def _refuse_unknown(tree: Mapping[str, Any], model: type[BaseModel], origin: str, prefix: str = "") -> None:
    for key, value in tree.items():
        field = model.model_fields.get(key)
        if field is None:
            unknown = next((leaf for leaf, _ in leaves({key: value}, prefix)), f"{prefix}{key}")
            raise SettingsError(
                f"unknown setting {unknown} in {origin}",
                fix=_nearest(unknown, sorted(known_keys())),
                usage=origin == "flag",
            )
        annotation = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            if not isinstance(value, Mapping):
                raise SettingsError(
                    f"{prefix}{key} in {origin} is a section, not a value",
                    fix=f"Set one of its keys, such as {next(known_keys(annotation, f'{prefix}{key}.'))}.",
                    usage=origin == "flag",
                )
            _refuse_unknown(value, annotation, origin, f"{prefix}{key}.")


def _nearest(key: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    return f"Did you mean {close[0]}?" if close else "`citewell config show` lists all settings."


def _explain(error: ValidationError, origins: Mapping[str, str]) -> SettingsError:
    first = error.errors(include_url=False, include_input=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    at_fault = {origin for name, origin in origins.items() if f"{name}.".startswith(f"{key}.")}
    return SettingsError(
        f"{key}: {first['msg'].removeprefix('Value error, ')}",
        where=origins.get(key, ""),
        fix="`citewell config show` lists all settings.",
        usage="flag" in at_fault,
    )

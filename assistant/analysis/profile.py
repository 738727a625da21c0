"""The best setting of a sweep as a settings file, which CITEWELL_CONFIG then names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from assistant.analysis.sweep import DECISIVE, Swept
from configs.loading import Loaded
from ingest.text import one_line

# A key is a secret; a name and a folder belong to one machine and one corpus.
_LEFT_OUT = ("api_key", "data_dir", "index.name", "profile")


def profile_text(loaded: Loaded, swept: Swept, source: str) -> str:
    """TOML with the profile, what the user had set besides (no secrets), and on top what the sweep found best."""
    best, base = swept.best, swept.rows[0]
    settings = {key: value for key, value, _ in loaded.rows()}
    keys = {
        key: value
        for key, value, origin in loaded.rows()
        if origin != "default"
        and not origin.startswith("profile ")
        and not key.endswith(_LEFT_OUT)
        and value is not None
    }
    keys |= {key: _typed(value, settings.get(key)) for key, value in best.flags.items()}
    return "".join(
        [
            "# Written by citewell eval sweep; use it with CITEWELL_CONFIG=FILE, or copy it into your settings file.\n",
            f"# {one_line(source)}, {len(best.measured.per_query):,} questions: {DECISIVE} {_figure(best)}",
            "; nothing was better than what was set.\n" if best is base else f"; before {_figure(base)}.\n",
            f"profile = {json.dumps(loaded.settings.profile)}\n",
            *_tables(keys),
        ]
    )


def _figure(row: Any) -> str:
    one = row.figures[DECISIVE]
    return f"{one.mean:.4f}" + ("" if one.low is None else f" ({one.low:.3f} to {one.high:.3f})")


def _tables(keys: Mapping[str, Any]) -> list[str]:
    lines = [f"{key} = {_toml(value)}\n" for key, value in keys.items() if "." not in key]
    sections: dict[str, list[str]] = {}
    for key, value in keys.items():
        section, dot, leaf = key.rpartition(".")
        if dot:
            sections.setdefault(section, []).append(f"{leaf} = {_toml(value)}\n")
    for section, content in sections.items():
        lines += [f"\n[{section}]\n", *content]
    return lines


def _typed(value: str, like: Any) -> Any:
    """A flag's text as the number that the setting holds; text where it holds text."""
    if isinstance(like, str) or not _is_number(value):
        return value
    return float(value) if isinstance(like, float) or not value.lstrip("-").isdecimal() else int(value)


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True


def _toml(value: Any) -> str:
    """JSON's strings, numbers, booleans and lists are TOML's too."""
    return json.dumps(value, ensure_ascii=False)

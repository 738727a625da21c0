"""Prompts and instructions by name, each with the content hash that transcripts record."""

from __future__ import annotations

import hashlib
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from configs.errors import SettingsError
from configs.files import instructions_file

# Longest instruction or prefix: it stands before every question, or before every document.
_LONGEST = 500
_FORM = 'A domain is a section: [oncology], with task = "Given …, retrieve …" and, if wanted, document_prefix = "…: ".'


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt template; `{{name}}` marks what `fill` replaces."""

    name: str
    text: str

    @property
    def hash(self) -> str:
        """First 16 hex digits of the SHA-256 of the template."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]

    def fill(self, **values: str) -> str:
        """The template with each `{{name}}` replaced in one pass, so that values are never templates."""
        parts = self.text.split("{{")
        filled = [parts[0]]
        for part in parts[1:]:
            name, _, rest = part.partition("}}")
            filled.append(values[name.strip()] + rest)
        return "".join(filled)


@dataclass(frozen=True, slots=True)
class Instruction:
    """What a domain puts before a query and, as a setting, before a document."""

    domain: str
    task: str
    document_prefix: str

    def query(self, text: str) -> str:
        """The query in the form Qwen3-Embedding was trained on (its model card)."""
        return f"Instruct: {self.task}\nQuery:{text}" if self.task else text


@cache
def load(name: str) -> Prompt:
    """The prompt `prompts/{name}.md`."""
    return Prompt(name, files("prompts").joinpath(f"{name}.md").read_text("utf-8"))


@cache
def emergencies() -> dict[str, dict[str, Any]]:
    """Every language of `prompts/emergency.toml`: its words, and its kinds of danger with their lines."""
    return tomllib.loads(files("prompts").joinpath("emergency.toml").read_text("utf-8"))


def instructions() -> dict[str, Instruction]:
    """Every domain: those of `prompts/instructions.toml`, then the user's own.

    Raises:
        SettingsError: the user's file is wrong somewhere.
    """
    own = instructions_file()
    return _built_in() | (_own(own) if own.exists() else {})


@cache
def _built_in() -> dict[str, Instruction]:
    table = tomllib.loads(files("prompts").joinpath("instructions.toml").read_text("utf-8"))
    return {domain: Instruction(domain, row["task"], row["document_prefix"]) for domain, row in table.items()}


def _own(path: Path) -> dict[str, Instruction]:
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"cannot be read: {error.strerror}", where=str(path)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"is not valid TOML: {error}", where=str(path)) from None
    for domain, row in table.items():
        if fault := _fault(domain, row):
            raise SettingsError(f"[{domain}] {fault}", where=str(path), fix=_FORM)
    return {name: Instruction(name, row["task"].strip(), row.get("document_prefix", "")) for name, row in table.items()}


def _fault(domain: str, row: object) -> str:
    """What is wrong with a domain of the user's; empty where nothing is."""
    if not re.fullmatch(r"[\w-]{1,64}", domain):
        return "is no name for a domain"
    if domain in _built_in():
        return "is built in already: choose another name"
    if not isinstance(row, dict) or not isinstance(row.get("task"), str) or not row["task"].strip():
        return "has no task"
    if unknown := next((key for key in row if key not in ("task", "document_prefix")), None):
        return f"has an unknown key “{unknown}”"
    if not isinstance(row.get("document_prefix", ""), str):
        return "has a document_prefix that is no text"
    if any(len(text) > _LONGEST or len(text.splitlines()) > 1 for text in row.values()):
        return f"has a text of several lines, or of more than {_LONGEST} characters"
    return ""


def instruction(domain: str) -> Instruction:
    """The instruction of one domain.

    Raises:
        SettingsError: there is no such domain; names those there are.
    """
    known = _built_in()
    if domain not in known:
        known = instructions()
    if domain not in known:
        raise SettingsError(
            f"there is no domain “{domain}”",
            fix=f"Choose one of: {', '.join(known)}; or add it to {instructions_file()}.",
        )
    return known[domain]

"""Prompts and instructions by name, each with the content hash that transcripts record."""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from configs.errors import SettingsError


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


@cache
def instructions() -> dict[str, Instruction]:
    """Every domain of `prompts/instructions.toml`."""
    table = tomllib.loads(files("prompts").joinpath("instructions.toml").read_text("utf-8"))
    return {domain: Instruction(domain, row["task"], row["document_prefix"]) for domain, row in table.items()}


def instruction(domain: str) -> Instruction:
    """The instruction of one domain.

    Raises:
        SettingsError: there is no such domain; names those there are.
    """
    try:
        return instructions()[domain]
    except KeyError:
        raise SettingsError(
            f"there is no domain “{domain}”", fix=f"Choose one of: {', '.join(instructions())}."
        ) from None

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
from configs.files import beside_settings

# Longest instruction, prefix or template: it stands before every question, document or term.
_LONGEST = 500


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


@dataclass(frozen=True, slots=True)
class TermForm:
    """How a domain's terms are put to the embedder, all alike, so that a term compared with itself is the same."""

    domain: str
    task: str
    template: str

    def sent(self, term: str) -> str:
        """A term in the domain's words, before the task is put to it (`Instruction.query`)."""
        return Prompt(self.domain, self.template).fill(term=term)


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
    return {name: Instruction(name, row["task"], row["document_prefix"]) for name, row in _QUESTIONS.rows().items()}


def instruction(domain: str) -> Instruction:
    """The instruction of one domain.

    Raises:
        SettingsError: there is no such domain; names those there are.
    """
    row = _QUESTIONS.row(domain)
    return Instruction(domain, row["task"], row["document_prefix"])


def term_forms() -> dict[str, TermForm]:
    """Every domain of terms: those of `prompts/terms.toml`, then the user's own.

    Raises:
        SettingsError: the user's file is wrong somewhere.
    """
    return {name: TermForm(name, row["task"], row["template"]) for name, row in _TERMS.rows().items()}


def term_form(domain: str) -> TermForm:
    """Task and template of one domain of terms.

    Raises:
        SettingsError: there is no such domain; names those there are.
    """
    row = _TERMS.row(domain)
    return TermForm(domain, row["task"], row["template"])


@dataclass(frozen=True, slots=True)
class _Shelf:
    """Domains in a file of ours and one of the user's, of the same name and form: a section each, with these texts."""

    file: str
    defaults: tuple[tuple[str, str], ...]
    """What a section may hold besides its task, and what it is where it is left out."""
    form: str

    @property
    def own(self) -> Path:
        """The user's file, beside their settings."""
        return beside_settings(self.file)

    def rows(self) -> dict[str, dict[str, str]]:
        """Every domain's texts, ours first."""
        return _built_in(self.file) | (self._users() if self.own.exists() else {})

    def row(self, domain: str) -> dict[str, str]:
        """One domain's texts; the user's file is not read for one of ours."""
        known = _built_in(self.file)
        if domain not in known:
            known = self.rows()
        if domain not in known:
            raise SettingsError(
                f"there is no domain “{domain}”",
                fix=f"Choose one of: {', '.join(known)}; or add it to {self.own}.",
            )
        return known[domain]

    def _users(self) -> dict[str, dict[str, str]]:
        path = self.own
        try:
            table = tomllib.loads(path.read_text("utf-8"))
        except OSError as error:
            raise SettingsError(f"cannot be read: {error.strerror}", where=str(path)) from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsError(f"is not valid TOML: {error}", where=str(path)) from None
        for domain, row in table.items():
            if fault := self._fault(domain, row):
                raise SettingsError(f"[{domain}] {fault}", where=str(path), fix=self.form)
        return {name: {**dict(self.defaults), **row, "task": row["task"].strip()} for name, row in table.items()}

    def _fault(self, domain: str, row: object) -> str:
        """What is wrong with a domain of the user's; empty where nothing is."""
        if not re.fullmatch(r"[\w-]{1,64}", domain):
            return "is no name for a domain"
        if domain in _built_in(self.file):
            return "is built in already: choose another name"
        if not isinstance(row, dict) or not isinstance(row.get("task"), str) or not row["task"].strip():
            return "has no task"
        optional = dict(self.defaults)
        if unknown := next((key for key in row if key not in ("task", *optional)), None):
            return f"has an unknown key “{unknown}”"
        if wrong := next((key for key in optional if not isinstance(row.get(key, ""), str)), None):
            return f"has a {wrong} that is no text"
        if any(len(text) > _LONGEST or len(text.splitlines()) > 1 for text in row.values()):
            return f"has a text of several lines, or of more than {_LONGEST} characters"
        if "template" in row and ("{{term}}" not in row["template"] or row["template"].count("{{") != 1):
            return "has a template that does not hold {{term}} once"
        return ""


@cache
def _built_in(file: str) -> dict[str, dict[str, str]]:
    return tomllib.loads(files("prompts").joinpath(file).read_text("utf-8"))


_QUESTIONS = _Shelf(
    "instructions.toml",
    (("document_prefix", ""),),
    'A domain is a section: [oncology], with task = "Given …, retrieve …" and, if wanted, document_prefix = "…: ".',
)
_TERMS = _Shelf(
    "terms.toml",
    (("template", "{{term}}"),),
    'A domain is a section: [cardiology], with task = "Given …, retrieve terms …" and, if wanted, template = "{{term}}, in …".',
)

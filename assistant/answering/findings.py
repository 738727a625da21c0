"""What was found out about a sentence of an answer: by code, by a second model, and among its sources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from assistant.answering.support import Support, Verdict

Span: TypeAlias = tuple[int, int]
Starts: TypeAlias = Mapping[int, int]
"""Number of a source → where its passage begins in its document, in characters."""
SIGNS: Mapping[Verdict, str] = {
    "supported": "✓",
    "partly": "◐",
    "unsupported": "○",
    "contradicted": "✗",
    "unchecked": "?",
}
"""What stands for a verdict where colour may be missing, best first."""


@dataclass(frozen=True, slots=True)
class Check:
    """What code found when it laid a sentence beside a source that it cites."""

    n: int | None
    """The source's number; None for all the sources it cites, taken together."""
    support: Support

    def to_json(self, starts: Starts) -> dict[str, Any]:
        """As `citewell ask --json` holds it; `span` counts characters in the passage, `document_span` in the document."""
        return {
            "source": self.n,
            **self.support.to_json(),
            "document_span": in_document(self.support.span, self.n, starts),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Check:
        """The inverse of `to_json`."""
        from assistant.answering.support import Reason, Support

        reasons = tuple(Reason(reason["kind"], reason["text"]) for reason in stored["reasons"])
        return cls(stored["source"], Support(stored["verdict"], stored["score"], reasons, _span(stored["span"])))


@dataclass(frozen=True, slots=True)
class Opinion:
    """What the verifying model said of a sentence, its quote looked up by code."""

    verdict: Verdict
    """`unchecked` where it gave none; `unsupported` where its quote is not in the passages."""
    n: int | None = None
    """The source that holds its quote."""
    span: Span | None = None
    """Where in that passage the quote stands."""
    note: str = ""
    """Why it gave no verdict, or why the one it gave does not count."""

    def to_json(self, starts: Starts) -> dict[str, Any]:
        """As `citewell ask --json` and transcripts hold it."""
        return {
            "verdict": self.verdict,
            "source": self.n,
            "span": list(self.span) if self.span else None,
            "document_span": in_document(self.span, self.n, starts),
            "note": self.note,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Opinion:
        """The inverse of `to_json`."""
        return cls(stored["verdict"], stored["source"], _span(stored["span"]), stored["note"])


@dataclass(frozen=True, slots=True)
class Verifier:
    """Who gave the second opinions."""

    model: str
    prompt_hash: str

    def to_json(self) -> dict[str, str]:
        """As `citewell ask --json` and transcripts hold it."""
        return {"model": self.model, "prompt_hash": self.prompt_hash}


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A source that says otherwise than a sentence which another source bears out."""

    sentence: int
    """Which of the answer's `sentences`, from 0."""
    n: int
    span: Span
    """Where in its passage it says so."""

    def to_json(self, starts: Starts, texts: Mapping[int, str]) -> dict[str, Any]:
        """As `citewell ask --json` and transcripts hold it, with the source's own words."""
        return {
            "sentence": self.sentence,
            "source": self.n,
            "span": list(self.span),
            "document_span": in_document(self.span, self.n, starts),
            "quote": texts[self.n][slice(*self.span)],
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Disagreement:
        """The inverse of `to_json`."""
        return cls(stored["sentence"], stored["source"], tuple(stored["span"]))


def in_document(span: Span | None, n: int | None, starts: Starts) -> list[int] | None:
    """A span of source `n`'s passage as offsets in the whole document."""
    if span is None or n is None or n not in starts:
        return None
    return [starts[n] + span[0], starts[n] + span[1]]


def _span(stored: list[int] | None) -> Span | None:
    return (stored[0], stored[1]) if stored else None

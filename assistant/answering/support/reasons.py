"""Why a sentence is not borne out: of which kind, and in words a reader understands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["number", "unit", "direction", "negation", "entity", "overlap"]
_LONGEST = 60
_LEADS = {
    "number": "the number",
    "unit": "the unit in",
    "direction": "the direction",
    "negation": "the negation",
    "entity": "the name",
    "overlap": "",
}


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing claimed that the source says otherwise, or does not say."""

    kind: Kind
    text: str

    @classmethod
    def of(cls, kind: Kind, claimed: str, stated: str) -> Reason:
        """“claimed” against “stated”; one of the two may be empty."""
        if not claimed:
            return cls(kind, f"the source says “{_short(stated)}”, which is left out")
        if not stated:
            return cls(kind, f"{_LEADS[kind]} “{_short(claimed)}” is not in the source".strip())
        return cls(kind, f"claimed: “{_short(claimed)}”; the source says “{_short(stated)}”")

    def to_json(self) -> dict[str, str]:
        """As `citewell check --json` and transcripts hold it."""
        return {"kind": self.kind, "text": self.text}


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"

"""Answer, Sentence, Source and the events of an answer on its way. Frozen; what is derivable is derived."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from configs.errors import CitewellError
from ingest.documents import Metadata

if TYPE_CHECKING:
    from assistant.answering.support import Support, Verdict

Status: TypeAlias = Literal["answered", "abstained"]
_RANK: dict[Verdict, int] = {"supported": 0, "contradicted": 1, "partly": 2, "unsupported": 3, "unchecked": 4}
Mode: TypeAlias = Literal["generated", "quotes"]
_WEB = re.compile(r"https?://[^\s/]\S*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Source:
    """A passage given to an answer, under the number `n` by which its sentences cite it."""

    n: int
    doc_id: str
    passage: int
    """Ordinal of the passage in its document."""
    title: str
    text: str
    """The whole passage, as stored."""
    start: int
    end: int
    """Character offsets of the passage in its document."""
    score: float
    hash: str
    """Content hash of the document."""
    metadata: Metadata = field(default_factory=dict)

    @property
    def url(self) -> str | None:
        """Where on the web the document can be read: its own `url`, else one made from its DOI or PubMed number."""
        own, doi, pmid = (str(self.metadata.get(key) or "").strip() for key in ("url", "doi", "pmid"))
        if _WEB.fullmatch(own):
            return own
        if not doi and not pmid:
            return None
        # Imported here: most documents bring their address.
        from ingest.readers.fields import PUBMED, doi_in, pmid_in

        if doi := doi_in(doi):
            return f"https://doi.org/{doi}"
        return f"{PUBMED}{pmid}/" if (pmid := pmid_in(pmid)) else None

    def to_json(self) -> dict[str, Any]:
        """As `citewell ask --json` and transcripts hold it."""
        return {
            "n": self.n,
            "doc_id": self.doc_id,
            "passage": self.passage,
            "title": self.title,
            "text": self.text,
            "url": self.url,
            "score": round(self.score, 6),
            "start": self.start,
            "end": self.end,
            "hash": self.hash,
            "metadata": dict(self.metadata),
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Source:
        """The inverse of `to_json`."""
        return cls(**{name: stored[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True, slots=True)
class Check:
    """What checking a sentence against a source that it cites found."""

    n: int | None
    """The source's number; None for all the sources it cites, taken together."""
    support: Support

    def to_json(self) -> dict[str, Any]:
        """As `citewell ask --json` and transcripts hold it; `span` counts characters in the passage."""
        return {"source": self.n, **self.support.to_json()}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Check:
        """The inverse of `to_json`."""
        from assistant.answering.support import Reason, Support

        reasons = tuple(Reason(reason["kind"], reason["text"]) for reason in stored["reasons"])
        span = tuple(stored["span"]) if stored["span"] else None
        return cls(stored["source"], Support(stored["verdict"], stored["score"], reasons, span))


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of the answer, its markers taken out, and the numbers of the sources it cites."""

    text: str
    citations: tuple[int, ...] = ()
    unknown: tuple[int, ...] = ()
    """Numbers it cited that no source has: struck from the answer, and shown to the reader as such."""
    checks: tuple[Check, ...] = ()
    """One for each source it cites; none where nothing was checked."""

    @property
    def decisive(self) -> Check | None:
        """The check that counts: one that supports it before one that contradicts it, these before the rest."""
        return min(self.checks, key=lambda check: (_RANK[check.support.verdict], -check.support.score), default=None)

    @property
    def verdict(self) -> Verdict:
        """Whether its sources bear it out; `unchecked` where it cites none."""
        return self.decisive.support.verdict if self.decisive else "unchecked"

    def to_json(self) -> dict[str, Any]:
        """As `citewell ask --json` and transcripts hold it."""
        return {
            "text": self.text,
            "citations": list(self.citations),
            "unknown_citations": list(self.unknown),
            "support": self.verdict,
            "checks": [check.to_json() for check in self.checks],
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Sentence:
        """The inverse of `to_json`."""
        checks = tuple(Check.from_json(check) for check in stored["checks"])
        return cls(stored["text"], tuple(stored["citations"]), tuple(stored["unknown_citations"]), checks)


@dataclass(frozen=True, slots=True)
class Answer:
    """What was asked, what is answered, and on what it rests."""

    question: str
    text: str
    """Markdown with `[n]` markers, each of which is the number of one of `sources`."""
    sentences: tuple[Sentence, ...]
    sources: tuple[Source, ...]
    mode: Mode
    model: str | None = None
    standalone: str = ""
    """The question as searched, where a follow-up was rewritten; else empty."""
    warnings: tuple[str, ...] = ()
    index: str = ""
    index_id: str = ""
    prompt_hash: str = ""
    seconds: float = 0.0

    @property
    def status(self) -> Status:
        """`answered` where at least one sentence cites a source, else `abstained`."""
        return "answered" if any(sentence.citations for sentence in self.sentences) else "abstained"

    @property
    def tally(self) -> dict[Verdict, int]:
        """How many sentences have each verdict, best first, those with none left out."""
        verdicts = [sentence.verdict for sentence in self.sentences]
        return {verdict: verdicts.count(verdict) for verdict in _RANK if verdict in verdicts}

    @property
    def cited(self) -> tuple[Source, ...]:
        """The sources that a sentence cites."""
        numbers = {n for sentence in self.sentences for n in sentence.citations}
        return tuple(source for source in self.sources if source.n in numbers)

    def to_json(self) -> dict[str, Any]:
        """As `citewell ask --json` and transcripts hold it."""
        return {
            "question": self.question,
            "standalone_question": self.standalone or self.question,
            "answer": self.text,
            "status": self.status,
            "mode": self.mode,
            "sentences": [sentence.to_json() for sentence in self.sentences],
            "sources": [source.to_json() for source in self.sources],
            "model": self.model,
            "warnings": list(self.warnings),
            "index": self.index,
            "index_id": self.index_id,
            "prompt_hash": self.prompt_hash,
            "seconds": round(self.seconds, 3),
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Answer:
        """The inverse of `to_json`; raises KeyError or TypeError where it is none."""
        standalone = stored["standalone_question"]
        return cls(
            question=stored["question"],
            text=stored["answer"],
            sentences=tuple(Sentence.from_json(sentence) for sentence in stored["sentences"]),
            sources=tuple(Source.from_json(source) for source in stored["sources"]),
            mode=stored["mode"],
            model=stored["model"],
            standalone="" if standalone == stored["question"] else standalone,
            warnings=tuple(stored["warnings"]),
            index=stored["index"],
            index_id=stored["index_id"],
            prompt_hash=stored["prompt_hash"],
            seconds=stored["seconds"],
        )


@dataclass(frozen=True, slots=True)
class Retrieved:
    """The passages are known; `question` is what was searched for."""

    question: str
    sources: tuple[Source, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Token:
    """The next piece of the answer's text, as it streams; provisional until `Answered`."""

    text: str


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer, whole, its citations resolved. Its text replaces what was streamed."""

    answer: Answer


@dataclass(frozen=True, slots=True)
class Failed:
    """It could not be answered. `partial` is what had streamed by then, uncited and unchecked."""

    error: CitewellError
    partial: str = ""


Event: TypeAlias = Retrieved | Token | Answered | Failed


@dataclass(frozen=True, slots=True)
class Turn:
    """One question and its answer, as the next question's history."""

    question: str
    answer: str

"""Answer, Sentence, Source and the events of an answer on its way. Frozen; what is derivable is derived."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from assistant.answering.findings import Check, Disagreement, Opinion, Starts, Verifier
from configs.errors import CitewellError
from ingest import places
from ingest.documents import Metadata
from ingest.evidence import Evidence, evidence
from ingest.places import Places

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assistant.answering.found import Found
    from assistant.answering.support import Verdict

Status: TypeAlias = Literal["answered", "abstained"]
_RANK: dict[Verdict, int] = {"supported": 0, "contradicted": 1, "partly": 2, "unsupported": 3, "unchecked": 4}
_GRAVITY: dict[Verdict, int] = {"unchecked": 0, "supported": 0, "partly": 1, "unsupported": 2, "contradicted": 3}
_HARD = frozenset({"number", "unit", "direction", "negation"})
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
    places: Places = ()
    """The sections and pages it stands in, by characters of its document; none where that is not known."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """What classifiers made of it (`ingest.facets.classified`)."""

    def where(self, *spans: tuple[int, int]) -> str:
        """“Methods > Setting, p. 4”: where it, or these spans of it, stand; empty where that is not known."""
        # The labels of a structured abstract are told of spans alone: all of it is in all of them.
        known = self.places or (places.labelled(self.text) if spans else ())
        start = self.start if self.places else 0
        found = {one for span in spans for one in places.within(known, start + span[0], start + span[1])}
        return places.told(sorted(found) if spans else known)

    @property
    def evidence(self) -> Evidence:
        """What kind of evidence its document is, whether it was retracted or corrected, and what it was labelled."""
        return evidence(self.metadata, self.title, self.labels)

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
            "section": places.section(self.places) or None,
            "pages": places.pages(self.places),
            "places": self.places,
            "flags": list(self.evidence.flags),
            "metadata": dict(self.metadata),
            **({"labels": dict(self.labels)} if self.labels else {}),
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Source:
        """The inverse of `to_json`; of what an older citewell wrote, without places and labels."""
        known = {name: stored[name] for name in cls.__dataclass_fields__ if name not in ("places", "labels")}
        return cls(**known, places=places.read(stored.get("places")), labels=dict(stored.get("labels", {})))


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of the answer, its markers taken out, and the numbers of the sources it cites."""

    text: str
    """A list item without its bullet; a table's row as its cells, joined by semicolons."""
    citations: tuple[int, ...] = ()
    unknown: tuple[int, ...] = ()
    """Numbers it cited that no source has: struck from the answer, and shown to the reader as such."""
    checks: tuple[Check, ...] = ()
    """One for each source it cites; none where nothing was checked."""
    opinion: Opinion | None = None
    """The verifying model's; None where none was asked."""
    place: tuple[int, int] | None = None
    """Where it stands in the answer's text, its markers included, in characters."""

    @property
    def decisive(self) -> Check | None:
        """The check that counts: one that supports it before one that contradicts it, these before the rest."""
        return min(self.checks, key=lambda check: (_RANK[check.support.verdict], -check.support.score), default=None)

    @property
    def verdict(self) -> Verdict:
        """Whether its sources bear it out; `unchecked` where it cites none.

        The model's opinion counts, except against figures, units, directions and denials that code found
        to differ: then the worse of the two does.
        """
        found: Verdict = self.decisive.support.verdict if self.decisive else "unchecked"
        return self.opinion.verdict if self.opinion and self.judged_by == "model" else found

    @property
    def judged_by(self) -> Literal["code", "model"] | None:
        """Whose verdict it is; None where it cites nothing."""
        if not self.checks or self.decisive is None:
            return None
        if self.opinion is None or self.opinion.verdict == "unchecked":
            return "code"
        hard = any(reason.kind in _HARD for reason in self.decisive.support.reasons)
        return "code" if hard and _GRAVITY[self.decisive.support.verdict] >= _GRAVITY[self.opinion.verdict] else "model"

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the verdict is what it is, in words; what keeps the model from an opinion comes last."""
        note = (self.opinion.note,) if self.opinion and self.opinion.note else ()
        if self.judged_by == "model":
            return note
        return (*(reason.text for reason in self.decisive.support.reasons), *note) if self.decisive else note

    def to_json(self, starts: Starts) -> dict[str, Any]:
        """As `citewell ask --json` and transcripts hold it."""
        return {
            "text": self.text,
            "citations": list(self.citations),
            "unknown_citations": list(self.unknown),
            "support": self.verdict,
            "judged_by": self.judged_by,
            "checks": [check.to_json(starts) for check in self.checks],
            "opinion": self.opinion.to_json(starts) if self.opinion else None,
            "place": list(self.place) if self.place else None,
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Sentence:
        """The inverse of `to_json`."""
        opinion, place = stored.get("opinion"), stored.get("place")
        return cls(
            stored["text"],
            tuple(stored["citations"]),
            tuple(stored["unknown_citations"]),
            tuple(Check.from_json(check) for check in stored.get("checks", ())),
            Opinion.from_json(opinion) if opinion else None,
            (place[0], place[1]) if place else None,
        )


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
    withheld: tuple[Sentence, ...] = ()
    """Sentences taken out of `text`, because their sources do not bear them out and the settings say so."""
    disagreements: tuple[Disagreement, ...] = ()
    verifier: Verifier | None = None
    """Who gave the sentences' opinions; None where no model was asked."""
    emergency: str = ""
    """The line that stands first where the question tells of a life in danger; else empty."""
    filter: str = ""
    """Which records were searched, as `ingest.filters` has it; empty: all."""
    confidence: float | None = None
    """The probability (0 … 1) that the passages found answer the question (`assistant.answering.confidence`)."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What shaped it, by section, and the hash of the index's manifest (`assistant.answering.provenance`)."""

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

    def where(self, source: Source) -> str:
        """Where in its document what this answer cites of a source stands; as `Source.where`."""
        checks = (check for sentence in self.sentences for check in sentence.checks if check.n == source.n)
        return source.where(*(check.support.span for check in checks if check.support.span))

    def to_json(self) -> dict[str, Any]:
        """As `citewell ask --json` and transcripts hold it."""
        starts = {source.n: source.start for source in self.sources}
        texts = {source.n: source.text for source in self.sources}
        return {
            "question": self.question,
            "standalone_question": self.standalone or self.question,
            "answer": self.text,
            "status": self.status,
            "mode": self.mode,
            "sentences": [sentence.to_json(starts) for sentence in self.sentences],
            "withheld": [sentence.to_json(starts) for sentence in self.withheld],
            "disagreements": [one.to_json(starts, texts) for one in self.disagreements],
            "sources": [source.to_json() for source in self.sources],
            "model": self.model,
            "warnings": list(self.warnings),
            "index": self.index,
            "index_id": self.index_id,
            "prompt_hash": self.prompt_hash,
            "verifier": self.verifier.to_json() if self.verifier else None,
            "settings": dict(self.settings),
            "seconds": round(self.seconds, 3),
            "emergency": self.emergency,
            "filter": self.filter,
            "confidence": None if self.confidence is None else round(self.confidence, 4),
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Answer:
        """The inverse of `to_json`; raises KeyError or TypeError where it is none."""
        return cls(
            question=stored["question"],
            text=stored["answer"],
            sentences=tuple(Sentence.from_json(sentence) for sentence in stored["sentences"]),
            sources=tuple(Source.from_json(source) for source in stored["sources"]),
            mode=stored["mode"],
            model=stored["model"],
            standalone="" if stored["standalone_question"] == stored["question"] else stored["standalone_question"],
            warnings=tuple(stored["warnings"]),
            index=stored["index"],
            index_id=stored["index_id"],
            prompt_hash=stored["prompt_hash"],
            seconds=stored["seconds"],
            withheld=tuple(Sentence.from_json(sentence) for sentence in stored.get("withheld", ())),
            disagreements=tuple(Disagreement.from_json(one) for one in stored.get("disagreements", ())),
            verifier=Verifier(**verifier) if (verifier := stored.get("verifier")) else None,
            emergency=stored.get("emergency", ""),
            settings=stored.get("settings", {}),
            filter=stored.get("filter", ""),
            confidence=stored.get("confidence"),
        )


@dataclass(frozen=True, slots=True)
class Cautioned:
    """Before anything is searched or sent: what to read first."""

    emergency: str = ""
    """The line for whoever is in danger; empty where the question tells of none."""
    concern: str = ""
    """That the question seems to name a patient, and where it is about to be sent; empty where it does not."""


@dataclass(frozen=True, slots=True)
class Retrieved:
    """The passages are known; `question` is what was searched for."""

    question: str
    sources: tuple[Source, ...]
    warnings: tuple[str, ...] = ()
    found: Found | None = None
    """The search itself, from which `explanation.explain` tells why each source is one."""


@dataclass(frozen=True, slots=True)
class Token:
    """The next piece of the answer's text, as it streams; provisional until `Answered`."""

    text: str


@dataclass(frozen=True, slots=True)
class Checking:
    """The answer, whole and checked in process, while a model gives its second opinion; `Answered` replaces it."""

    answer: Answer


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer, whole, its citations resolved. Its text replaces what was streamed."""

    answer: Answer


@dataclass(frozen=True, slots=True)
class Failed:
    """It could not be answered. `partial` is what had streamed by then, uncited and unchecked."""

    error: CitewellError
    partial: str = ""


Event: TypeAlias = Cautioned | Retrieved | Token | Checking | Answered | Failed


@dataclass(frozen=True, slots=True)
class Turn:
    """One question and its answer, as the next question's history."""

    question: str
    answer: str

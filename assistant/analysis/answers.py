"""How good answers are: when the corpus is said not to answer, what is cited, whether it bears out what is said.

Citation recall and precision as ALCE defines them (Gao et al., 2023), except for the judge: there a language model
for entailment, here `assistant.answering.support`, which compares words. It is the checker that readers see too, so
these two figures tell how answers stand with it, not what a person would find.
"""

from __future__ import annotations

import asyncio
import json
import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assistant.analysis.evaluation import percentiles
from assistant.analysis.judged import numbered
from assistant.analysis.metrics import Interval, interval
from assistant.answering.answer import Answer, Answered, Failed, Sentence, Source
from assistant.answering.checking import borne_out
from assistant.answering.engine import Engine
from configs.errors import InputError
from ingest.text import one_line

_FORM = 'Lines of {"question": "…", "answerable": true, "doc_ids": ["…"]} are needed; the last two may be left out.'


@dataclass(frozen=True, slots=True)
class Expected:
    """A question, whether the corpus answers it, and in which documents; None and empty where nobody said."""

    question: str
    answerable: bool | None = None
    documents: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a question: an answer, or what went wrong."""

    expected: Expected
    answer: Answer | None
    error: str = ""

    @property
    def refused(self) -> bool:
        """Whether the corpus was said not to answer."""
        return self.answer is not None and self.answer.status == "abstained"

    @property
    def citations(self) -> Citations | None:
        """How the answer cites; None where there is none."""
        return None if self.answer is None or self.refused else Citations.of(self.answer)

    @property
    def finds(self) -> bool | None:
        """Whether a document that is known to answer is cited; None where none is known, or nothing is answered."""
        if self.answer is None or self.refused or not self.expected.documents:
            return None
        return any(source.doc_id in self.expected.documents for source in self.answer.cited)

    @property
    def verbatim(self) -> list[bool]:
        """Of an answer that quotes: whether each quote stands word for word in the passage that it cites."""
        if self.answer is None or self.answer.mode != "quotes":
            return []
        texts = {source.n: source.text for source in self.answer.sources}
        return [all(one.text in texts[n] for n in one.citations) for one in self.answer.sentences]

    def to_json(self) -> dict[str, Any]:
        """A line of `--per-query`."""
        answer, cites = self.answer, self.citations
        return {
            "question": self.expected.question,
            "answerable": self.expected.answerable,
            "status": answer.status if answer else "failed",
            "confidence": None if answer is None or answer.confidence is None else round(answer.confidence, 4),
            "cited": sorted({source.doc_id for source in answer.cited}) if answer else [],
            "cites_known": self.finds,
            "citation_recall": cites and round(cites.recall, 4),
            "citation_precision": cites and round(cites.precision, 4),
            "support": dict(answer.tally) if answer else {},
            "seconds": answer and round(answer.seconds, 4),
            "error": self.error,
        }


@dataclass(frozen=True, slots=True)
class Citations:
    """ALCE's two figures of one answer, each from 0 to 1."""

    recall: float
    """Of its sentences, those that all they cite, taken together, bears out."""
    precision: float
    """Of its citations, those in a sentence borne out that bear it out alone, or without which it is not."""

    @classmethod
    def of(cls, answer: Answer) -> Citations:
        """Judge every sentence and each of its citations."""
        known = {source.n: source for source in answer.sources}
        borne, needed = [], []
        for sentence in answer.sentences:
            supported, useful = _judged(sentence, known)
            borne.append(supported)
            needed += useful
        return cls(statistics.mean(borne or [False]), statistics.mean(needed or [False]))


def _judged(sentence: Sentence, known: Mapping[int, Source]) -> tuple[bool, list[bool]]:
    cited = [known[n] for n in dict.fromkeys(sentence.citations)]
    if not cited or not borne_out(sentence.text, cited):
        return False, [False] * len(cited)
    if len(cited) == 1:
        return True, [True]
    return True, [
        borne_out(sentence.text, [one]) or not borne_out(sentence.text, [other for other in cited if other is not one])
        for one in cited
    ]


@dataclass(frozen=True)
class AnswerFigures:
    """The figures of many answers; each interval is over what its docstring names, None where there is none."""

    outcomes: Sequence[Outcome]

    @property
    def refusal_precision(self) -> Interval | None:
        """Of the questions refused, those that the corpus does not answer."""
        return _share([not one.expected.answerable for one in self._labelled if one.refused])

    @property
    def refusal_recall(self) -> Interval | None:
        """Of the questions that the corpus does not answer, those refused."""
        return _share([one.refused for one in self._labelled if not one.expected.answerable])

    @property
    def wrongly_refused(self) -> Interval | None:
        """Of the questions that the corpus answers, those refused."""
        return _share([one.refused for one in self._labelled if one.expected.answerable])

    @property
    def answered(self) -> Interval | None:
        """Of all questions, those answered."""
        return _share([not one.refused for one in self._asked])

    @property
    def cites_known(self) -> Interval | None:
        """Of the answers to questions whose documents are known, those that cite one of these."""
        return _share([one.finds for one in self.outcomes if one.finds is not None])

    @property
    def citation_recall(self) -> Interval | None:
        """The mean over answers; see `Citations`."""
        return _share([one.citations.recall for one in self.outcomes if one.citations])

    @property
    def citation_precision(self) -> Interval | None:
        """The mean over answers; see `Citations`."""
        return _share([one.citations.precision for one in self.outcomes if one.citations])

    @property
    def verbatim(self) -> Interval | None:
        """Of the quotes, those that stand word for word in the passage they cite."""
        return _share([true for one in self.outcomes for true in one.verbatim])

    @property
    def support(self) -> dict[str, int]:
        """How many sentences have each verdict of the checker."""
        found: Counter[str] = Counter()
        for one in self._asked:
            found.update({str(verdict): count for verdict, count in (one.answer.tally if one.answer else {}).items()})
        return dict(found)

    @property
    def failed(self) -> int:
        """Questions that got an error instead of an answer: they count in no other figure."""
        return len(self.outcomes) - len(self._asked)

    @property
    def milliseconds(self) -> tuple[float, float] | None:
        """Median and 95th percentile of one answer, whole and checked."""
        seconds = [one.answer.seconds for one in self._asked if one.answer]
        return percentiles(seconds) if seconds else None

    @property
    def shares(self) -> dict[str, Interval | None]:
        """Every figure that has an interval, by name."""
        names = ("refusal_precision", "refusal_recall", "wrongly_refused", "answered", "cites_known")
        more = ("citation_recall", "citation_precision", "verbatim")
        return {name: getattr(self, name) for name in names + more}

    def to_json(self) -> dict[str, Any]:
        """As `citewell eval answers --json` prints it."""
        times = self.milliseconds
        return {
            "questions": len(self.outcomes),
            "failed": self.failed,
            **{name: figure.to_json() if figure else None for name, figure in self.shares.items()},
            "support": self.support,
            "milliseconds": {"p50": round(times[0], 3), "p95": round(times[1], 3)} if times else None,
        }

    @property
    def _asked(self) -> list[Outcome]:
        return [one for one in self.outcomes if one.answer is not None]

    @property
    def _labelled(self) -> list[Outcome]:
        return [one for one in self._asked if one.expected.answerable is not None]


def _share(values: Sequence[float]) -> Interval | None:
    return interval([float(value) for value in values]) if values else None


def read_expected(path: Path) -> list[Expected]:
    """The questions of a JSON Lines file, in order; `gold` and `gold_ids` serve for `doc_ids`, `text` for `question`.

    A question with documents and no `answerable` is answerable.

    Raises:
        InputError: the file or a line of it cannot be used; `where` is file:line.
    """
    found = [_expected(line, where) for where, line in numbered(path)]
    if not found:
        raise InputError("holds no question", where=str(path), fix=_FORM)
    return found


def _expected(line: str, where: str) -> Expected:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"not valid JSON: {one_line(str(error))}", where=where, fix=_FORM) from None
    record = record if isinstance(record, dict) else {}
    question = record.get("question", record.get("text"))
    documents: object = next(
        (record[key] for key in ("doc_ids", "gold", "gold_ids") if record.get(key) is not None), []
    )
    answerable = record.get("answerable", True if documents else None)
    if not isinstance(question, str) or not question.strip():
        raise InputError("no “question” (a string is needed)", where=where, fix=_FORM)
    if answerable is not None and not isinstance(answerable, bool):
        raise InputError("“answerable” is neither true nor false", where=where, fix=_FORM)
    if not isinstance(documents, list) or not all(isinstance(one, str) for one in documents):
        raise InputError("“doc_ids” is no list of strings", where=where, fix=_FORM)
    return Expected(question, answerable, frozenset(documents))


async def ask_all(
    engine: Engine, questions: Sequence[Expected], progress: Callable[[int, int], None], *, at_once: int = 1
) -> AnswerFigures:
    """Put every question to the engine, `at_once` under way; one that fails does not stop the others."""
    outcomes: dict[int, Outcome] = {}
    waiting = iter(enumerate(questions))

    async def work() -> None:
        for n, expected in waiting:
            outcomes[n] = await _outcome(engine, expected)
            progress(len(outcomes), len(questions))
            await asyncio.sleep(0)  # an embedded index never waits: let Ctrl-C and the others in

    async with asyncio.TaskGroup() as group:
        for _ in range(max(1, at_once)):
            group.create_task(work())
    return AnswerFigures([outcomes[n] for n in range(len(questions))])


async def _outcome(engine: Engine, expected: Expected) -> Outcome:
    async with aclosing(engine.ask(expected.question)) as events:
        async for event in events:
            if isinstance(event, Answered):
                return Outcome(expected, event.answer)
            if isinstance(event, Failed):
                return Outcome(expected, None, one_line(event.error.what))
    raise AssertionError("the engine ended without an answer")

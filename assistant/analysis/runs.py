"""Rankings as the TREC run format has them, so that anyone's tool can score ours and ours can score anyone's."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeAlias

from assistant.analysis.judged import numbered
from configs.errors import InputError
from ingest.text import one_line

Run: TypeAlias = Mapping[str, Mapping[str, float]]
"""Question id → document id → score; the highest first."""

_FORM = "Lines of “qid Q0 docid rank score tag” are needed."
_SMALLEST = 2.0**-20


def descending(ranked: Iterable[tuple[str, float]]) -> dict[str, float]:
    """A ranking with scores that fall strictly, in single precision, each as near to its own as that allows.

    trec_eval and its kin read single precision, order by score alone and break ties by document id: only so do
    they see the order that was shown.
    """
    scores: dict[str, float] = {}
    before = float("inf")
    for document, own in ranked:
        score = _single(own)
        if score >= before:
            score = _single(before - max(abs(before), _SMALLEST) * 2.0**-22)
        scores[document] = before = score
    return scores


def _single(value: float) -> float:
    return float(struct.unpack("<f", struct.pack("<f", value))[0])


def write_run(path: Path, run: Run, tag: str = "citewell") -> None:
    """Write `qid Q0 docid rank score tag` lines, best first.

    Raises:
        InputError: an id holds white space, at which every reader of the format would cut it; or the file cannot
            be written.
    """
    lines = []
    for question, ranking in run.items():
        for rank, (document, score) in enumerate(ranking.items(), start=1):
            for identity in (question, document):
                if len(identity.split()) != 1:
                    raise InputError(
                        f"the id “{one_line(identity)}” holds white space, and a TREC run is cut at white space",
                        where=str(path),
                        fix="Leave out --run (--per-query takes any id), or give ids without spaces.",
                    )
            lines.append(f"{question} Q0 {document} {rank} {score:.9g} {tag}\n")
    try:
        path.write_text("".join(lines), "utf-8")
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", where=str(path)) from None


def read_run(path: Path) -> dict[str, dict[str, float]]:
    """A run of anyone's; as trec_eval does, the score decides and the rank column is not looked at.

    Raises:
        InputError: the file or a line of it cannot be used; `where` is file:line.
    """
    run: dict[str, dict[str, float]] = {}
    for where, line in numbered(path):
        columns = line.split()
        if len(columns) != 6:
            raise InputError(f"{len(columns)} columns, not 6", where=where, fix=_FORM)
        question, _, document, _, score, _ = columns
        ranking = run.setdefault(question, {})
        if document in ranking:
            raise InputError(f"“{one_line(document)}” is ranked twice for “{one_line(question)}”", where=where)
        try:
            ranking[document] = float(score)
        except ValueError:
            raise InputError(f"the score “{one_line(score)}” is no number", where=where, fix=_FORM) from None
        if ranking[document] != ranking[document]:
            raise InputError("the score is not a number", where=where, fix=_FORM)
    if not run:
        raise InputError("holds no ranking", where=str(path), fix=_FORM)
    return run

"""The support check without a model: what it catches, what it wrongly flags, how it ranks, what it costs.

Always against the whole abstract. SciFact's train claims, PubMedQA and the PubMed pool; one table at the end.
"""

from __future__ import annotations

import gzip
import json
import random
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assistant.answering.support import Support, check
from assistant.answering.support.analysis import analysed
from ingest.sentences import split
from tests.benchmarks import perturbations
from tests.benchmarks.harness import SHARED, lines

_ABSTRACTS = 400  # of each corpus
_CORPORA = ("scifact/corpus.jsonl.gz", "pubmedqa/corpus.jsonl", "pubmed_pool/corpus.jsonl.gz")
_KINDS = {
    "number": {"number", "unit"},
    "comparator": {"number", "unit"},
    "unit": {"number", "unit"},
    "direction": {"direction", "negation"},
    "negated": {"direction", "negation"},
    "affirmed": {"direction", "negation"},
    "drug": {"entity"},
    "disease": {"entity"},
    "gene": {"entity"},
    "foreign": {"entity"},
}
_HARMLESS = ("in_other_words", "shortened", "reset")


@dataclass(frozen=True)
class Claim:
    """A SciFact claim, an abstract, and whether it supports it (None: another abstract)."""

    text: str
    abstract: str
    supported: bool | None


def main(seed: int = 0, *, show: int = 0) -> None:
    """Print the table."""
    rng = random.Random(seed)  # noqa: S311
    sentences = list(_sentences(rng))
    caught, missed = _perturbed(sentences, rng)
    untouched = [(s, a, check(s, a)) for s, a in sentences]
    flagged = [item for item in untouched if item[2].verdict != "supported"]
    rows = [(f"{name} changed, flagged for it", *_rate(caught[name]), _bound(kinds)) for name, kinds in _KINDS.items()]
    for group, bound in (("number", "≥ 0.95"), ("direction", "≥ 0.90"), ("entity", "≥ 0.80")):
        of_group = [hit for name, kinds in _KINDS.items() if group in kinds for hit in caught[name]]
        rows.append((f"all: {group}", *_rate(of_group), bound))
    rows.append(("untouched, flagged", len(flagged) / len(untouched), len(untouched), "≤ 0.03"))
    for name in _HARMLESS:
        harmless = [(s, getattr(perturbations, name)(s, rng), a) for s, a in sentences]
        judged = [(s, c, check(c, a)) for s, c, a in harmless if c]
        missed[name] = [item for item in judged if item[2].verdict != "supported"]
        rows.append((f"{name}, flagged all the same", len(missed[name]) / len(judged), len(judged), "(≤ 0.10, ours)"))
    rows += _claims(list(_scifact(rng)))
    for name, value, count, bound in rows:
        print(f"{name:<48} {value:8.3f}   n = {count:<6} {bound}")
    _cost(sentences)
    if show:
        for name, texts in missed.items():
            for original, text, found in texts[:show]:
                print(
                    f"\n[{name}] {original}\n   → {text}\n   {found.verdict} {[(r.kind, r.text) for r in found.reasons]}"
                )
        for text, _, found in flagged[:show]:
            print(f"\n[untouched] {text}\n   {found.verdict} {[(r.kind, r.text) for r in found.reasons]}")


def _sentences(rng: random.Random) -> Iterator[tuple[str, str]]:
    """Sentences of abstracts with their abstract, two of each."""
    for name in _CORPORA:
        records = [record for record in read(SHARED / name) if len(record["abstract"]) > 400]
        for record in rng.sample(records, _ABSTRACTS):
            parts = record.get("sentences") or split(record["abstract"])
            usable = [part for part in parts if len(part.split()) >= 6]
            for part in rng.sample(usable, min(3, len(usable))):
                yield part, record["abstract"]


def _perturbed(
    sentences: Sequence[tuple[str, str]], rng: random.Random
) -> tuple[dict[str, list[bool]], dict[str, list[tuple[str, str, Support]]]]:
    foreign = perturbations.foreign([abstract for _, abstract in sentences])
    caught: dict[str, list[bool]] = {name: [] for name in _KINDS}
    missed: dict[str, list[tuple[str, str, Support]]] = {name: [] for name in _KINDS}
    for sentence, abstract in sentences:
        for name, kinds in _KINDS.items():
            change = foreign if name == "foreign" else getattr(perturbations, name)
            changed = change(sentence, rng)
            if changed is None or changed == sentence:
                continue
            found = check(changed, abstract)
            hit = found.verdict in ("partly", "unsupported", "contradicted") and bool(
                kinds & {reason.kind for reason in found.reasons}
            )
            caught[name].append(hit)
            if not hit:
                missed[name].append((sentence, changed, found))
    return caught, missed


def _scifact(rng: random.Random) -> Iterator[Claim]:
    abstracts = {str(record["id"]): record["abstract"] for record in read(SHARED / "scifact" / "corpus.jsonl.gz")}
    everything = sorted(abstracts)
    for claim in read(SHARED / "scifact" / "queries_train.jsonl"):
        for document, evidence in claim["evidence"].items():
            supported = {item["label"] for item in evidence} == {"SUPPORT"}
            yield Claim(claim["text"], abstracts[document], supported)
            if supported:
                other = rng.choice([d for d in rng.sample(everything, 3) if d not in claim["evidence"]])
                yield Claim(claim["text"], abstracts[other], None)


def _claims(claims: Sequence[Claim]) -> list[tuple[str, float, int, str]]:
    found = [(claim, check(claim.text, claim.abstract)) for claim in claims]
    by_truth = {truth: [s for c, s in found if c.supported is truth] for truth in (True, False, None)}
    wrong = [s for s in by_truth[True] if s.verdict in ("unsupported", "contradicted")]
    for truth, supports in by_truth.items():
        print(truth, dict(Counter(support.verdict for support in supports)))
    scores = {truth: [s.score for s in supports] for truth, supports in by_truth.items()}
    return [
        (
            "true claims called unsupported or contradicted",
            len(wrong) / len(by_truth[True]),
            len(by_truth[True]),
            "≤ 0.15",
        ),
        ("AUROC supported vs another abstract", auroc(scores[True], scores[None]), len(scores[None]), "≥ 0.90"),
        ("AUROC supported vs contradicted", auroc(scores[True], scores[False]), len(scores[False]), "≥ 0.62"),
    ]


def _cost(sentences: Sequence[tuple[str, str]]) -> None:
    times = []
    for run in range(10):
        block = sentences[run * 100 : run * 100 + 100]
        answer, sources = [s for s, _ in block[::8]][:12], list(dict.fromkeys(a for _, a in block))[:8]
        analysed.cache_clear()
        started = time.perf_counter()
        for sentence in answer:
            for source in sources:
                check(sentence, source)
        times.append((time.perf_counter() - started) * 1e3)
    print(f"{'12 sentences × 8 sources, ms':<48} {statistics.median(times):8.1f}   worst {max(times):.1f}   < 50")


def auroc(positives: Sequence[float], negatives: Sequence[float]) -> float:
    """The chance that a positive scores above a negative, ties counting half."""
    pairs = [(p > n) + 0.5 * (p == n) for p in positives for n in negatives]
    return sum(pairs) / len(pairs)


def read(path: Path) -> list[dict[str, Any]]:
    """The records of a JSON Lines file, plain or gzipped."""
    if path.suffix == ".gz":
        with gzip.open(path, "rt", encoding="utf-8") as file:
            return [json.loads(line) for line in file]
    return list(lines(path))


def _rate(hits: Iterable[bool]) -> tuple[float, int]:
    hits = list(hits)
    return (sum(hits) / len(hits) if hits else 0.0), len(hits)


def _bound(kinds: set[str]) -> str:
    return "≥ 0.95" if "number" in kinds else "≥ 0.90" if "direction" in kinds else "≥ 0.80"


if __name__ == "__main__":
    main(show=int(sys.argv[1]) if len(sys.argv) > 1 else 0)

"""The support check without a model: what it catches, what it wrongly flags, how it ranks, what it costs.

Always against the whole abstract: SciFact's train claims, PubMedQA and the PubMed pool. Prints one table;
`python -m tests.benchmarks.support --embedder` also ranks with all-MiniLM-L6-v2 in process (minutes), and
`--show 5` prints five failures of each kind.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import random
import statistics
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assistant.answering.support import Support, check, check_with
from assistant.answering.support.analysis import analysed
from configs.settings import EmbeddingSettings
from ingest.embedding import open_embedder
from ingest.sentences import split
from tests.benchmarks import perturbations
from tests.benchmarks.harness import SHARED

KINDS = {
    "number": {"number", "unit"},
    "comparator": {"number", "unit"},
    "exchanged": {"number", "unit"},
    "ranked": {"number", "unit"},
    "unit": {"number", "unit"},
    "direction": {"direction", "negation"},
    "negated": {"direction", "negation"},
    "undone": {"direction", "negation"},
    "affirmed": {"direction", "negation"},
    "drug": {"entity"},
    "disease": {"entity"},
    "gene": {"entity"},
    "foreign": {"entity"},
}
BOUNDS = {"number": 0.95, "direction": 0.90, "entity": 0.80}
_HARMLESS = ("in_other_words", "shortened", "reset")
_CORPORA = ("scifact/corpus.jsonl.gz", "pubmedqa/corpus.jsonl", "pubmed_pool/corpus.jsonl.gz")
_ABSTRACTS = 400  # of each corpus
_SENTENCES = 3  # of each abstract

Pair = tuple[str, str]
"""A sentence and its abstract."""


@dataclass(frozen=True)
class Claim:
    """A SciFact claim, an abstract, and whether it supports it (None: another abstract)."""

    text: str
    abstract: str
    supported: bool | None


@dataclass(frozen=True)
class Perturbed:
    """For each way to change a sentence: was it flagged for it; and (sentence, changed, verdict) where it was not."""

    caught: dict[str, list[bool]]
    missed: dict[str, list[tuple[str, str, Support]]]


@dataclass(frozen=True)
class ClaimFigures:
    """True claims called unsupported or contradicted, and how the score ranks true claims (AUROC)."""

    rejected: float
    against_other: float
    against_contradicted: float


def main(arguments: Sequence[str]) -> None:
    """Print the table."""
    rng = random.Random(0)  # noqa: S311
    pairs = sample(SHARED, rng, _ABSTRACTS)
    found = perturbed(pairs, rng)
    for name in KINDS:
        _row(f"  {name}: flagged for it", _share(found.caught[name]), "", len(found.caught[name]))
    for group, bound in BOUNDS.items():
        hits = [hit for name, kinds in KINDS.items() if group in kinds for hit in found.caught[name]]
        _row(f"{group} changed: flagged for it", _share(hits), f"≥ {bound:.2f}", len(hits))
    found.missed["untouched"] = [(s, s, v) for s, v in ((s, check(s, a)) for s, a in pairs) if v.verdict != "supported"]
    _row("untouched: flagged", len(found.missed["untouched"]) / len(pairs), "≤ 0.03", len(pairs))
    for name in _HARMLESS:
        _harmless(name, pairs, rng, found)
    claims = scifact(SHARED, rng)
    _claims("", claim_figures(claims))
    if "--embedder" in arguments:
        _claims(" (with MiniLM)", _figures(claims, asyncio.run(_with_embedder(claims))))
    _cost(pairs)
    if "--show" in arguments:
        _show(found, int(arguments[arguments.index("--show") + 1]))


def sample(folder: Path, rng: random.Random, abstracts: int) -> list[Pair]:
    """Sentences of six words and more, three each of so many abstracts of each corpus."""
    pairs = []
    for name in _CORPORA:
        records = [record for record in _read(folder / name) if len(record["abstract"]) > 400]
        for record in rng.sample(records, abstracts):
            parts = record.get("sentences") or split(record["abstract"])
            usable = [part for part in parts if len(part.split()) >= 6]
            pairs += [(part, record["abstract"]) for part in rng.sample(usable, min(_SENTENCES, len(usable)))]
    return pairs


def perturbed(pairs: Sequence[Pair], rng: random.Random) -> Perturbed:
    """Each sentence changed in each way that fits it, and checked."""
    foreign = perturbations.foreign([abstract for _, abstract in pairs])
    found = Perturbed({name: [] for name in KINDS}, {name: [] for name in KINDS})
    for sentence, abstract in pairs:
        for name, kinds in KINDS.items():
            change = foreign if name == "foreign" else getattr(perturbations, name)
            changed = change(sentence, rng)
            if changed is None or changed == sentence:
                continue
            support = check(changed, abstract)
            flagged = support.verdict in ("partly", "unsupported", "contradicted")
            found.caught[name].append(flagged and bool(kinds & {reason.kind for reason in support.reasons}))
            if not found.caught[name][-1]:
                found.missed[name].append((sentence, changed, support))
    return found


def scifact(folder: Path, rng: random.Random) -> list[Claim]:
    """The train claims with the abstracts that support or contradict them, true ones also with another abstract."""
    abstracts = {str(record["id"]): record["abstract"] for record in _read(folder / "scifact" / "corpus.jsonl.gz")}
    everything = sorted(abstracts)
    claims = []
    for claim in _read(folder / "scifact" / "queries_train.jsonl"):
        for document, evidence in claim["evidence"].items():
            supported = {item["label"] for item in evidence} == {"SUPPORT"}
            claims.append(Claim(claim["text"], abstracts[document], supported))
            if supported:
                other = next(d for d in rng.sample(everything, len(everything)) if d not in claim["evidence"])
                claims.append(Claim(claim["text"], abstracts[other], None))
    return claims


def claim_figures(claims: Sequence[Claim]) -> ClaimFigures:
    """The figures without an embedder."""
    return _figures(claims, [check(claim.text, claim.abstract) for claim in claims])


def _figures(claims: Sequence[Claim], supports: Sequence[Support]) -> ClaimFigures:
    by_truth = {
        truth: [support for claim, support in zip(claims, supports, strict=True) if claim.supported is truth]
        for truth in (True, False, None)
    }
    scores = {truth: [support.score for support in found] for truth, found in by_truth.items()}
    rejected = _share(support.verdict in ("unsupported", "contradicted") for support in by_truth[True])
    return ClaimFigures(rejected, auroc(scores[True], scores[None]), auroc(scores[True], scores[False]))


def auroc(positives: Sequence[float], negatives: Sequence[float]) -> float:
    """The chance that a positive scores above a negative, ties counting half."""
    return statistics.mean((p > n) + 0.5 * (p == n) for p in positives for n in negatives)


async def _with_embedder(claims: Sequence[Claim]) -> list[Support]:
    folder = SHARED.parent / "models" / "all-MiniLM-L6-v2"
    embedder = open_embedder(EmbeddingSettings(provider="fastembed", model_path=folder), retries=0)
    if embedder is None:
        raise AssertionError("fastembed is a provider")
    return [await check_with(embedder, claim.text, claim.abstract) for claim in claims]


def _harmless(name: str, pairs: Sequence[Pair], rng: random.Random, found: Perturbed) -> None:
    changed = [(s, getattr(perturbations, name)(s, rng), a) for s, a in pairs]
    judged = [(sentence, other, check(other, abstract)) for sentence, other, abstract in changed if other]
    found.missed[name] = [item for item in judged if item[2].verdict != "supported"]
    _row(f"{name.replace('_', ' ')}: flagged all the same", len(found.missed[name]) / len(judged), "", len(judged))


def _claims(how: str, figures: ClaimFigures) -> None:
    _row(f"true claims: unsupported or contradicted{how}", figures.rejected, "≤ 0.15")
    _row(f"AUROC, other abstract{how}", figures.against_other, "≥ 0.95" if how else "≥ 0.90")
    _row(f"AUROC, contradicted{how}", figures.against_contradicted, "≥ 0.62")


def _cost(pairs: Sequence[Pair]) -> None:
    wall, cpu = [], []
    for run in range(10):
        block = pairs[run * 100 : run * 100 + 100]
        answer, sources = [s for s, _ in block[::8]][:12], list(dict.fromkeys(a for _, a in block))[:8]
        analysed.cache_clear()
        started = time.perf_counter(), time.process_time()
        for sentence in answer:
            for source in sources:
                check(sentence, source)
        wall.append((time.perf_counter() - started[0]) * 1e3)
        cpu.append((time.process_time() - started[1]) * 1e3)
    for name, times in (("ms", wall), ("ms of CPU", cpu)):
        title = f"12 sentences × 8 sources, {name}"
        print(f"{title:<56} {statistics.median(times):6.1f}  < 50    best {min(times):.1f}, worst {max(times):.1f}")


def _show(found: Perturbed, most: int) -> None:
    for name, items in found.missed.items():
        for original, changed, support in items[:most]:
            reasons = [(reason.kind, reason.text) for reason in support.reasons]
            print(f"\n[{name}] {original}\n   → {changed}\n   {support.verdict} {reasons}")


def _row(name: str, value: float, bound: str, count: int | None = None) -> None:
    print(f"{name:<56} {value:6.3f}  {bound:<7} {f'n = {count}' if count else ''}".rstrip())


def _share(hits: Iterable[bool]) -> float:
    return statistics.mean(map(float, hits))


def _read(path: Path) -> list[dict[str, Any]]:
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8")
    return [json.loads(line) for line in text.splitlines()]


if __name__ == "__main__":
    main(sys.argv[1:])

"""What `citewell terms` prints: rankings, a matrix, clusters and pairs, for readers and as JSON."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from assistant.commands import output
from assistant.commands.ingest import SOME_REJECTED

if TYPE_CHECKING:
    from assistant.analysis.term_clusters import Clustered, Reduced
    from assistant.analysis.term_lists import TermList
    from assistant.analysis.terms import Matched, Near, Similar

# Of a cluster and of a matrix, that are printed; `--json` holds all.
_MEMBERS = 10
_MATRIX = 12
_REJECTS = 5
_NAME = 36
_SHORT = 12
_BAR = 20
# Share of a list.
_ALIKE = 0.1
RECALL = (1, 5)


def put_similar(queries: Sequence[str], listed: TermList, found: Similar) -> None:
    """A ranking for each query, and the matrix of the first terms that are named.

    In a narrow terminal the bars are shorter, then gone, then the terms are cut.
    """
    name = min(_NAME, max(_SHORT, output.width() - 16))
    longest = min(_BAR, output.width() - 17 - name)
    for query, ranking in zip(queries, found.ranked, strict=True):
        output.heading(f"“{query}”: the nearest in {listed.title} (of {len(listed.terms):,})")
        for rank, near in enumerate(ranking, 1):
            bar = "▇" * round(max(0.0, near.cosine) * longest)
            output.say(f"  {rank:>4}  {near.cosine:6.3f}  {_padded(listed.terms[near.number], name)} {bar}".rstrip())
        output.say()
    _put_matrix(found)


def _put_matrix(found: Similar) -> None:
    """As many of the terms as the terminal has room for: a row that is folded cannot be read."""
    longest = max((sum(_columns(term)) for term in found.shown[:_MATRIX]), default=0)
    name = min(_NAME, longest + 1, max(_SHORT, output.width() // 3))
    shown = found.shown[: max(2, min(_MATRIX, (output.width() - name - 6) // 6))]
    more = f"; the first {len(shown)} of {len(found.shown):,}" if len(found.shown) > len(shown) else ""
    output.heading(f"Cosine of each with each{more}")
    output.say(" " * (name + 6) + "".join(f"{n:>6}" for n in range(1, len(shown) + 1)))
    for n, (term, row) in enumerate(zip(shown, found.cosines, strict=False), 1):
        output.say(f"  {n:>2}  {_padded(term, name)}" + "".join(f"{value:6.2f}" for value in row[: len(shown)]))


def similar_json(queries: Sequence[str], listed: TermList, found: Similar) -> dict[str, Any]:
    """As `--json` prints it."""

    def told(rank: int, near: Near) -> dict[str, Any]:
        line = {"line": listed.lines[near.number]} if listed.lines else {}
        return {"rank": rank, "term": listed.terms[near.number], **line, "cosine": round(near.cosine, 4)}

    return {
        "queries": [
            {"term": query, "ranked": [told(rank, near) for rank, near in enumerate(ranking, 1)]}
            for query, ranking in zip(queries, found.ranked, strict=True)
        ],
        "matrix": {"terms": found.shown, "cosine": [[round(float(v), 4) for v in row] for row in found.cosines]},
    }


def put_clusters(name: str, terms: Sequence[str], found: Clustered, less: Reduced | None) -> None:
    """A line for each cluster: its size, its name, the mean cosine to that, and its other terms."""
    share = len(found.outliers) / len(terms)
    kept = ""
    if less is not None:
        kept = f"; PCA to {less.vectors.shape[1]:,} dimensions keeps {less.variance:.1%} of the variance"
    output.heading(
        f"{len(terms):,} terms of {name}: {len(found.clusters):,} clusters, {len(found.outliers):,} outliers ({share:.0%}){kept}"
    )
    for one in found.clusters:
        medoid, *others = (terms[row] for row in one.rows)
        cosine = sum(one.cosines) / len(one.cosines)
        output.say(_folded(f"  {len(one.rows):>5}  {cosine:.2f}  {medoid}: ", others, 15))
    if found.outliers:
        output.say(
            _folded(f"  {len(found.outliers):>5}        in no cluster: ", [terms[n] for n in found.outliers], 15)
        )


def clusters_json(terms: Sequence[str], found: Clustered, dimensions: int, less: Reduced | None) -> dict[str, Any]:
    """As `--json` prints it."""
    pca = None
    if less is not None:
        pca = {"dimensions": less.vectors.shape[1], "variance_kept": round(less.variance, 4)}
    return {
        "dimensions": dimensions,
        "pca": pca,
        "clusters": [
            {
                "name": terms[one.rows[0]],
                "size": len(one.rows),
                "terms": [
                    {"term": terms[row], "cosine": value} for row, value in zip(one.rows, one.cosines, strict=True)
                ],
            }
            for one in found.clusters
        ],
        "outliers": [terms[row] for row in found.outliers],
    }


def put_matched(ours: TermList, theirs: TermList, found: Matched, pairs: Mapping[int, set[int]]) -> None:
    """A line for each pair; where the truth is known, whether it is right, and the recall."""
    output.heading(f"{ours.title} ({len(ours.terms):,}) → nearest in {theirs.title} (of {len(theirs.terms):,})")
    for n, term in enumerate(ours.terms):
        best = int(found.numbers[n, 0])
        if best < 0:
            continue
        right = ("✓" if best in pairs[n] else "✗") if n in pairs else " "
        mutual = "↔" if found.mutual[n] else "→"
        output.say(f"  {found.cosines[n, 0]:6.3f} {right if pairs else ''} {term} {mutual} {theirs.terms[best]}")
    mutual_share = int(found.mutual.sum())
    output.say(f"\n{mutual_share:,} of {len(ours.terms):,} are each other's nearest (↔).")
    for k, (hits, of, low, high) in _recalls(found, pairs).items():
        output.say(f"recall@{k} {hits / of:.3f} ({low:.3f} to {high:.3f}): {hits:,} of {of:,} whose pair is known")
    if pairs:
        output.say(f"By chance alone recall@1 would be {1 / len(theirs.terms):.3f}.")


def matched_json(
    ours: TermList, theirs: TermList, found: Matched, pairs: Mapping[int, set[int]], top: int
) -> dict[str, Any]:
    """As `--json` prints it."""
    rows = []
    for n, term in enumerate(ours.terms):
        near = [
            {"term": theirs.terms[number], "cosine": round(float(cosine), 4)}
            for number, cosine in zip(found.numbers[n, :top].tolist(), found.cosines[n], strict=False)
            if number >= 0
        ]
        known = {"truth": sorted(theirs.terms[m] for m in pairs[n])} if n in pairs else {}
        rows.append({"term": term, "nearest": near, "mutual": bool(found.mutual[n]), **known})
    recalls = {
        f"recall@{k}": {"value": round(hits / of, 4), "low": round(low, 4), "high": round(high, 4), "of": of}
        for k, (hits, of, low, high) in _recalls(found, pairs).items()
    }
    return {"pairs": rows, **recalls, "alike": found.alike}


def put_rejected(listed: TermList) -> int:
    """Name the lines that are no terms; the exit status that this makes."""
    for line, reason in sorted(listed.rejected.items())[:_REJECTS]:
        output.complain(f"{listed.name}:{line}: {reason}")
    if (more := len(listed.rejected) - _REJECTS) > 0:
        output.complain(f"… and {more:,} more lines of {listed.name}.")
    return SOME_REJECTED if listed.rejected else 0


def put_alike(alike: int, listed: TermList) -> None:
    """Say that an embedder does not know these words or letters; a few that differ in case alone are left unsaid."""
    if alike > _ALIKE * len(listed.terms):
        output.complain(
            f"Note: {alike:,} of {len(listed.terms):,} terms of {listed.name} have the same vector as another: the embedder cannot tell them apart. "
            "Does it know their language?"
        )


def _recalls(found: Matched, pairs: Mapping[int, set[int]]) -> dict[int, tuple[int, int, float, float]]:
    """Hits, of how many, and Wilson's 95 % interval, for each of `RECALL`."""
    from scipy.stats import binomtest

    told = {}
    for k in RECALL if pairs else ():
        hits, of = found.found(pairs, k)
        interval = binomtest(hits, of).proportion_ci(method="wilson")
        told[k] = (hits, of, float(interval.low), float(interval.high))
    return told


def _folded(begin: str, terms: Sequence[str], indent: int) -> str:
    more = f" · … and {len(terms) - _MEMBERS:,} more" if len(terms) > _MEMBERS else ""
    text = begin + " · ".join(terms[:_MEMBERS]) + more
    return textwrap.fill(
        text, output.width(), subsequent_indent=" " * indent, drop_whitespace=True, replace_whitespace=False
    )


def _padded(term: str, columns: int) -> str:
    """A term cut or filled to so many columns of a terminal, where a Chinese letter takes two."""
    taken, kept = 0, ""
    for letter, wide in zip(term, _columns(term), strict=True):
        if taken + wide > columns - 1 and len(kept) < len(term) - 1:
            return kept + "…" + " " * (columns - taken - 1)
        taken, kept = taken + wide, kept + letter
    return kept + " " * (columns - taken)


def _columns(text: str) -> Iterable[int]:
    return (
        (0 if unicodedata.combining(one) else 2 if unicodedata.east_asian_width(one) in "WF" else 1) for one in text
    )

"""Terms: what a list holds, what is nearest whatever the blocks, what belongs together."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from assistant.analysis.reduction import normalised
from assistant.analysis.term_charts import draw_matrix
from assistant.analysis.term_clusters import cluster, flat_map, reduced
from assistant.analysis.term_lists import TermList, aligned, of_pairs, read_terms
from assistant.analysis.terms import Terms, alike, match, similar
from configs.errors import InputError
from configs.settings import Settings
from ingest.matrix import Matrix
from ingest.progress import Observer
from prompts import library
from tests.conftest import SettingsFactory
from tests.support.openai_server import OpenAIServer


def nothing(done: int, total: int) -> None:
    """Who does not watch."""


@pytest.fixture
def own(settings: SettingsFactory, openai_server: OpenAIServer) -> Settings:
    """Settings that name the server."""
    return settings({"embedding.provider": "openai", "embedding.url": openai_server.url, "embedding.wait": 0})


def embedding(own: Settings, domain: str = "medical") -> Terms:
    """Terms of this domain, with nobody who watches."""
    return Terms(own, library.term_form(domain), nothing, Observer())


def listed(*terms: str) -> TermList:
    """A list of these, one a line."""
    return TermList("list", list(terms), list(range(1, len(terms) + 1)), {n + 1: n for n in range(len(terms))})


def grouped(groups: int, each: int, noise: float = 0.02) -> Matrix:
    """Tight groups in 32 dimensions, and as many rows far from all."""
    random = np.random.default_rng(1)
    centres = random.standard_normal((groups, 32))
    rows = np.repeat(centres, each, axis=0) + noise * random.standard_normal((groups * each, 32))
    return normalised(np.vstack([rows, random.standard_normal((groups, 32))]).astype(np.float32))


def test_a_list_is_read_as_people_keep_it(tmp_path: Path) -> None:
    """Blank lines, repeats, spaces, a byte order mark and terminal escapes are no terms; what is over-long is named."""
    file = tmp_path / "terms.txt"
    file.write_bytes("\ufeffasthma\r\n\n \x1b[31mCOPD\x1b[0m \nasthma\n心脏  骤停\n".encode() + b"a" * 1_001)
    found = read_terms(str(file))
    assert found.terms == ["asthma", "COPD", "心脏 骤停"]
    assert found.lines == [1, 3, 5]
    assert found.rows == {1: 0, 3: 1, 4: 0, 5: 2}
    assert found.rejected == {6: "has more than 1,000 characters"}


@pytest.mark.parametrize(
    ("name", "written", "told"),
    [
        ("a.txt", b"", "holds no term"),
        ("a.txt", b" \n\n", "holds no term"),
        ("a.txt", b"good\ncaf\xe9\n", "a.txt:2: is not UTF-8"),
        ("a.tsv", b"en\tzh\na\tb\n", "no column “fr”"),
        ("a.csv", b"en,fr\n" + b"x" * 140_000, "a.csv:.*is no table"),
    ],
)
def test_a_list_that_cannot_be_used_says_where(tmp_path: Path, name: str, written: bytes, told: str) -> None:
    """File, line where there is one, and what to do."""
    (tmp_path / name).write_bytes(written)
    with pytest.raises(InputError) as caught:
        read_terms(str(tmp_path / name), "fr")
    assert re.search(told, str(caught.value))


def test_a_stray_quotation_mark_swallows_no_line(tmp_path: Path) -> None:
    """Inches, or a mark left open, must not take the terms of all the following lines with them unseen.

    What a table program quotes is still read; in a .csv a term over several lines is named, since it may be such a swallower.
    """
    table = tmp_path / "q.tsv"
    table.write_text('en\tzh\ninches (")\t英寸\n"quoted\t引用\nstroke\t中风\n"a ""b"""\tc\n"x\ty"\tz\n', "utf-8")
    assert read_terms(str(table)).terms == ['inches (")', '"quoted', "stroke", 'a "b"', "x y"]
    assert read_terms(str(table), "zh").rows == {line: line - 2 for line in range(2, 7)}
    table = tmp_path / "q.csv"
    for end in ("", '"x",y\n'):
        table.write_text('en,zh\ninches ("),英寸\n"quoted,引用\nstroke,中风\n' + end, "utf-8")
        with pytest.raises(InputError, match=r"q\.csv:3: is no table") as caught:
            read_terms(str(table))
        assert "left open?" in caught.value.fix
    table.write_text('en,zh\n"a, ""b""",1\n"quoted,引用\nstroke,中风\n6"\nflu,流感\n', "utf-8")
    found = read_terms(str(table))
    assert (found.terms, found.lines) == (['a, "b"', "flu"], [2, 6])
    assert found.rejected == {3: "runs over several lines; is a quotation mark left open?"}


def test_truth_is_read_by_line_or_from_pairs(tmp_path: Path) -> None:
    """A term may have several right partners; pairs of strange terms are counted, and none at all is an error."""
    left, right = listed("flu", "cough", "flu B"), listed("流感", "咳嗽")
    assert aligned(left, right) == {0: {0}, 1: {1}}
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text("en\tzh\nflu\t流感\nflu B\t流感\nflu\t咳嗽\nplague\t鼠疫\n", "utf-8")
    assert of_pairs(str(pairs), left, right) == ({0: {0, 1}, 2: {0}}, 1)
    pairs.write_text("en\tzh\nplague\t鼠疫\n", "utf-8")
    with pytest.raises(InputError, match="none of its pairs"):
        of_pairs(str(pairs), left, right)


async def test_the_nearest_are_those_of_the_whole_list(own: Settings) -> None:
    """A list of several blocks gives the ranking that all vectors at once would give, and a matrix with 1 on its diagonal."""
    terms = [f"word{n % 90} word{n % 70} common" for n in range(600)]
    among = listed(*dict.fromkeys(terms))
    found = await similar(["word3 common", "word8"], among, 7, embedding(own))
    _, every = await embedding(own).matrix(listed("word3 common", "word8", *among.terms))
    for n, ranking in enumerate(found.ranked):
        wanted = np.sort(every[2:] @ every[n])[::-1][:7]
        assert [near.cosine for near in ranking] == pytest.approx(wanted.tolist(), abs=1e-5)
    assert found.shown[:2] == ["word3 common", "word8"]
    assert np.diag(found.cosines) == pytest.approx(1, abs=1e-5)
    assert found.cosines.shape == (len(found.shown), len(found.shown))


async def test_every_term_is_sent_in_the_form_of_its_domain(own: Settings, openai_server: OpenAIServer) -> None:
    """Instruction and template stand around both sides, so that like is compared with like."""
    await similar(["stroke"], listed("infarct"), 1, embedding(own))
    task = library.term_form("medical").task
    wanted = {f"Instruct: {task}\nQuery:{term}, in medicine" for term in ("stroke", "infarct")}
    assert wanted <= set(openai_server.embedded)


async def test_a_refused_term_is_named_and_the_rest_goes_on(own: Settings, openai_server: OpenAIServer) -> None:
    """One over-long term costs its own line; a query that is refused is an error."""
    openai_server.context_length = 40
    long = "word " * 60
    among = listed("a fever", long, "a cough")
    found = await similar(["cough"], among, 5, embedding(own))
    assert [among.terms[near.number] for near in found.ranked[0]] == ["a cough", "a fever"]
    assert list(among.rejected) == [2]
    with pytest.raises(InputError, match="refuses"):
        await similar([long], listed("a cough"), 5, embedding(own))
    with pytest.raises(InputError, match="every term"):
        await embedding(own).matrix(listed(long))


async def test_pairs_are_found_with_recall(own: Settings, openai_server: OpenAIServer) -> None:
    """Each left term has its nearest right ones; who is the other's nearest is told; recall counts known pairs alone."""
    openai_server.context_length = 40
    left = listed("red fever", "dry cough", "word " * 60, "cough dry red")
    right = listed("cough dry", "fever red", "broken leg")
    found = await match(left, right, 2, embedding(own, "none"))
    assert found.numbers[:, 0].tolist() == [1, 0, -1, 0]
    assert found.mutual.tolist() == [True, True, False, False]
    assert list(left.rejected) == [3]
    assert found.found({0: {1}, 1: {2}, 3: {0, 1}}, 1) == (2, 3)
    assert found.alike == 0


def test_groups_are_found_named_and_the_rest_is_left_out() -> None:
    """Three groups among strays, the largest first; the name is a member, at cosine 1 with itself."""
    rows = grouped(3, 8)
    found = cluster(rows, 4, nothing)
    groups = [set(range(start, start + 8)) for start in (0, 8, 16)]
    assert all(any(group <= set(one.rows) for one in found.clusters) for group in groups)
    assert len(found.clusters) == 3
    assert found.outliers
    assert set(found.outliers) <= {24, 25, 26}
    assert [len(one.rows) for one in found.clusters] == sorted((len(one.rows) for one in found.clusters), reverse=True)
    assert all(one.cosines[0] == pytest.approx(1) and one.cosines[7] > 0.9 for one in found.clusters)


def test_neighbours_alone_give_the_clusters_of_all_pairs() -> None:
    """What saves hours at 100,000 terms changes nothing: compared with scikit-learn over all distances."""
    from sklearn.cluster import HDBSCAN

    rows = grouped(12, 20, noise=0.3)
    whole = HDBSCAN(min_cluster_size=4, min_samples=2, algorithm="brute", copy=True).fit(rows).labels_
    found = cluster(rows, 4, nothing)
    wanted = {frozenset(np.flatnonzero(whole == n).tolist()) for n in range(whole.max() + 1)}
    assert {frozenset(one.rows) for one in found.clusters} == wanted


@pytest.mark.parametrize("count", [2, 3, 5, 60])
def test_terms_that_are_all_the_same_do_no_harm(count: int) -> None:
    """Equal vectors have no distance; nothing divides by it, and the map has a place for each."""
    rows = np.repeat(grouped(1, 1)[:1], count, axis=0)
    found = cluster(rows, 2, nothing)
    assert sum(len(one.rows) for one in found.clusters) + len(found.outliers) == count
    assert flat_map(rows).shape == (count, 2)
    assert reduced(rows, 0.9).variance == 1
    assert alike(rows) == count - 1


def test_pca_tells_what_it_keeps_and_what_it_cannot() -> None:
    """A share of the variance is kept at least; more dimensions than there are is an error that says how many there are."""
    rows = grouped(3, 8)
    share = reduced(rows, 0.9)
    assert share.variance >= 0.9
    assert share.vectors.shape[1] < 32
    assert reduced(rows, 3).vectors.shape == (27, 3)
    with pytest.raises(InputError, match="26 principal components"):
        reduced(rows, 27)


@pytest.mark.parametrize("suffix", [".svg", ".png"])
def test_names_of_any_letters_can_be_drawn(tmp_path: Path, suffix: str) -> None:
    """Chinese, markup, a formula and letters that no font has: no warning, and text stays text in an SVG."""
    names = ["心脏骤停", "<b>&amp;</b>", "$x^2$", "\U0001f9a0 \u16a0", "x" * 200]
    picture = tmp_path / f"near{suffix}"
    draw_matrix(names, np.eye(5, dtype=np.float32), 1, picture, "心 $1")
    assert picture.stat().st_size > 1_000
    if suffix == ".svg":
        assert "心脏骤停" in picture.read_text("utf-8")
        assert "$x^2$" in picture.read_text("utf-8")

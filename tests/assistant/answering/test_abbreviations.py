"""Abbreviations: found where a text defines them, and searched for in both forms."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from assistant.answering.abbreviations import definitions
from assistant.answering.retrieval import Searcher
from configs.settings import IndexSettings, RetrievalSettings, Settings
from ingest.pipeline import ingest
from tests.support.corpora import Watcher


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("after acute myocardial infarction (MI) in men", [("MI", "myocardial infarction")]),
        ("chronic obstructive pulmonary disease (COPD; stage 2)", [("COPD", "chronic obstructive pulmonary disease")]),
        ("tumor necrosis factor-α (TNF-α)", [("TNF-α", "tumor necrosis factor-α")]),
        ("heat shock transcription factor (HSF)", [("HSF", "heat shock transcription factor")]),
        ("and some (n) of (2019)", []),
        ("we saw no change (NYHA)", []),
        ("(MI)", []),
    ],
)
def test_definitions_are_those_of_schwartz_and_hearst(text: str, expected: list[tuple[str, str]]) -> None:
    """The words before a bracket define what stands in it, if they hold its letters in order, and nothing else does."""
    assert definitions(text) == expected


RECORDS = [
    "Myocardial infarction (MI) kills. MI is common. Aspirin after MI is standard.",
    "Mitral insufficiency (MI) was graded. MI worsened. MI was repaired.",
    "Motivational interviewing (MI) helps smokers. MI takes time. MI works. MI is cheap. MI is liked.",
    "Aspirin given early after a myocardial infarction saves lives.",
    "Myocardial infarction (MI) in women: MI is seen late.",
    "Myocardial infarction (MI) at night: MI is seen late.",
    "Atrial fibrillation (AF) needs anticoagulants.",
    "Stroke in AF is prevented by apixaban.",
]


async def searcher(folder: Path, *, expand: bool) -> Searcher:
    """An open index of `RECORDS`."""
    corpus = folder / "corpus.jsonl"
    lines = (json.dumps({"id": str(n), "title": "", "abstract": text}) for n, text in enumerate(RECORDS))
    corpus.write_text("\n".join(lines), "utf-8")
    settings = Settings(
        data_dir=folder,
        index=IndexSettings(name="abbreviations"),
        retrieval=RetrievalSettings(expand_abbreviations=expand),
    )
    await ingest([str(corpus)], settings, Watcher())
    return await Searcher.open(settings)


async def test_an_abbreviation_finds_the_passage_that_spells_it_out(tmp_path: Path) -> None:
    """Asked for MI, the search says that it looked for its usual meaning too, and finds a passage without “MI”."""
    one = await searcher(tmp_path, expand=True)
    found = await one.search("early treatment with drugs against MI", 8)
    await one.close()
    assert found.expanded == ("Myocardial infarction (MI)",)
    assert "3" in [result.passage.doc_id for result in found.results[:5]]


async def test_a_name_finds_the_passage_that_abbreviates_it(tmp_path: Path) -> None:
    """Asked for atrial fibrillation, a passage that says AF alone is found."""
    one = await searcher(tmp_path, expand=True)
    found = await one.search("atrial fibrillation")
    await one.close()
    assert found.expanded == ("AF (atrial fibrillation)",)
    assert "7" in [result.passage.doc_id for result in found.results]


async def test_nothing_is_expanded_unless_asked_for(tmp_path: Path) -> None:
    """By default a question is searched for as it stands."""
    one = await searcher(tmp_path, expand=False)
    found = await one.search("atrial fibrillation")
    await one.close()
    assert found.expanded == ()
    assert "7" not in [result.passage.doc_id for result in found.results]

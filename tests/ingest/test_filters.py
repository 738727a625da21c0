"""Filters: one small grammar, errors that point at the character, and the same records from both homes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.errors import IndexStoreError, InputError
from ingest.documents import Document
from ingest.facets import journal_key, stored, summary
from ingest.filters import EXAMPLE, Filter, labels_among, parse
from ingest.index.base import Manifest
from ingest.index.open import create_index
from ingest.lexical import LexicalEncoder
from tests.support import bag_of_words
from tests.support.corpora import entries

if TYPE_CHECKING:
    from configs.settings import Settings
    from ingest.index.base import Index
    from tests.conftest import SettingsFactory
    from tests.support.qdrant_server import QdrantServer

SIZE = 16
DOCUMENTS = {
    "rct": {"year": 2020, "type": "RCT", "journal": "The Lancet", "lang": "eng", "department": "Cardiology"},
    "review": {"year": "2015 Mar", "publication_types": ["Review"], "retracted": True, "journal": "BMJ & Co"},
    "meta": {
        "year": 1999,
        "publication_types": ["Meta-Analysis"],
        "journal": "Lancet (London, England)",
        "lang": "zh",
        "科室": "心血管科",
    },
    "leaflet": {"type": "Leaflet", "corrected": "2021-05-01", "Study Site": ["Zürich", "Bern"], "free": True},
    "doubted": {"year": 2018, "corrections": [{"kind": "ExpressionOfConcernIn", "pmid": "1"}]},
    "bare": {},
}
ALL = set(DOCUMENTS)
EVERY_OPERATOR = {
    "": ALL,
    "year:2020": {"rct"},
    "year=2020": {"rct"},
    "year>=2018": {"rct", "doubted"},
    "year>2018": {"rct"},
    "year<=2015": {"review", "meta"},
    "year < 2015": {"meta"},
    "year≥2018 year≤2018": {"doubted"},
    "year:2015..2019": {"review", "doubted"},
    "year:2015-2018": {"review", "doubted"},
    "year:..2015": {"review", "meta"},
    "year:2019..": {"rct"},
    "year:1999,2018..2020": {"meta", "rct", "doubted"},
    "-year>=2018": {"review", "meta", "leaflet", "bare"},
    "type:rct": {"rct"},
    "type:rct,meta-analysis": {"rct", "meta"},
    'type:"randomized controlled trial", review': {"rct", "review"},
    "-type:rct,review": {"meta", "leaflet", "doubted", "bare"},
    'type:"leaflet"': {"leaflet"},
    'journal:"Lancet"': {"rct", "meta"},
    "journal:LANCET lang:zh": {"meta"},
    "journal:“bmj and co”": {"review"},
    "lang:en": {"rct"},
    "language:chinese,en-GB": {"meta", "rct"},
    "retracted": {"review"},
    "-retracted": ALL - {"review"},
    "corrected": {"leaflet"},
    "concern": {"doubted"},
    "-retracted -corrected -concern": {"rct", "meta", "bare"},
    "department:cardiology": {"rct"},
    "Department:CARDIOLOGY,surgery": {"rct"},
    "study_site:zurich": {"leaflet"},
    "free:true": {"leaflet"},
    "科室：心血管科": {"meta"},
    "has:department,科室": {"rct", "meta"},
    "-has:department year>1990": {"review", "meta", "doubted"},
    "year>=1990 -retracted type:rct,meta-analysis lang:en": {"rct"},
}


async def _fill(home: Settings) -> Index:
    index = await create_index(home, SIZE)
    made = [Document(id_, "Aspirin", f"Aspirin was given, {id_}.", known) for id_, known in DOCUMENTS.items()]
    await index.store([entry for document in made for entry in entries(document, home, SIZE)], [])
    return index


async def _passing(index: Index, home: Settings, where: Filter, *, half: str) -> set[str]:
    words = LexicalEncoder(home.lexical).query("aspirin")
    dense = bag_of_words.embed("aspirin", SIZE) if half == "dense" else None
    found = await index.candidates(words if half == "lexical" else type(words)([], []), dense, 100, where)
    return {passage.doc_id for passage in await index.fetch([hit.point_id for hit in getattr(found, half)])}


@pytest.mark.parametrize("place", ["embedded", "shared", "server"])
async def test_every_operator_finds_the_same_in_both_homes(
    place: str, settings: SettingsFactory, qdrant_server: QdrantServer
) -> None:
    """In process, through the owner of a shared index and on a Qdrant server; in both halves, and in the counts."""
    flags = {"index.home": "server" if place == "server" else "embedded", "index.url": qdrant_server.url}
    home = settings({**flags, "index.shared": place == "shared", "embedding.provider": "openai"})
    index = await _fill(home)
    try:
        for text, wanted in EVERY_OPERATOR.items():
            where = parse(text)
            for half in ("lexical", "dense"):
                assert await _passing(index, home, where, half=half) == wanted, (text, half)
            assert (await index.counts(where)).documents == len(wanted), text
        told = summary(await index.facets())
        assert told["years"] == [1999, 2020]
        assert told["flags"] == {"retracted": 1, "concern": 1, "corrected": 1}
        assert told["types"] == dict.fromkeys(("leaflet", "meta-analysis", "randomized controlled trial", "review"), 1)
        assert told["languages"] == {"en": 1, "zh": 1}
        assert told["journals"] == 2
        assert set(told["labels"]) == {"department", "科室", "study_site", "free"}
    finally:
        await index.close()


@pytest.mark.parametrize(
    ("text", "mark", "told"),
    [
        ("year>=2020 type:rtc", 16, "Did you mean rct?"),
        ("yaer>=2020", 4, "Did you mean year?"),
        ("retractd", 0, "Did you mean retracted?"),
        ("year>=20", 6, "Write year:2020"),
        ("year:2020..2010", 5, "Write year:2010..2020."),
        ("year>=2020,2021", 6, "year>= wants one year"),
        ("journal>5", 7, "journal:VALUE"),
        ('lang:en journal:"Lan', 16, "quote is not closed"),
        ("lang:klingon", 5, "unknown language"),
        ("type:", 5, "wants a value"),
        ("type:rct,", 9, "wants a value"),
        ('journal:""', 8, "cannot be empty"),
        ("retracted:yes", 9, "Write retracted or -retracted."),
        ("lang:en and year:2020", 8, "Terms side by side"),
        ("year:2020 =", 10, "a key is wanted"),
        ("has:year", 4, "Write year:VALUE."),
        ("科室：心血管科 year:x", 20, "is no year"),
    ],
)
def test_an_error_points_at_the_character_and_names_the_nearest(text: str, mark: int, told: str) -> None:
    """The text on a line, a caret under the fault on the next (two columns for a Chinese sign), and what to write."""
    with pytest.raises(InputError) as caught:
        parse(text, said_in="--filter")
    assert caught.value.usage
    assert caught.value.where == "--filter"
    what, shown, caret = caught.value.what.split("\n")
    assert what
    assert shown == f"    {text}"
    assert caret == " " * (4 + mark) + "^"
    assert told in str(caught.value)


def test_of_a_long_filter_the_part_around_the_fault_is_shown() -> None:
    """The caret stays under it, on a narrow terminal too."""
    with pytest.raises(InputError) as caught:
        parse(" ".join(f"label{n}:value" for n in range(50)) + " type:foo " + "x:y " * 50)
    _, shown, caret = caught.value.what.split("\n")
    assert shown[caret.index("^") :].startswith("foo")
    assert max(map(len, (shown, caret))) < 80
    with pytest.raises(InputError, match="at most"):
        parse("a:b " * 1000)


def test_the_text_is_kept_without_what_a_terminal_would_obey() -> None:
    """It is shown in answers, titles and transcripts, and read again where a session is reopened."""
    where = parse("  year>=2020 \x1b[31m\n department:\u202ex ")
    assert where.text == "year>=2020 department:x"
    assert parse(where.text) == where
    assert parse(EXAMPLE).about_retraction
    assert not parse("").terms


@given(st.one_of(st.text(max_size=60), st.text('yeartyp:=<>-,."“2019 hs科：≥', max_size=40)))
def test_any_text_is_a_filter_or_an_error_that_points_into_it(text: str) -> None:
    """Nobody can type what crashes it, and what it takes it takes again."""
    try:
        where = parse(text)
    except InputError as error:
        fault = error
    else:
        assert parse(where.text) == where
        return
    assert "^" in fault.what
    assert fault.fix


def test_a_label_that_no_record_has_names_the_nearest() -> None:
    """A misspelt key must not pass for “nothing found”."""
    where = parse("year:2020 departement:cardiology")
    assert where.labels == ("departement",)
    known = labels_among({"department": 3, "department=cardiology": 3, "retracted": 1, "year=2020": 1})
    error = where.unknown("departement", known)
    assert error.usage
    assert "Did you mean department?" in str(error)
    assert error.what.endswith("\n" + " " * 14 + "^")


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("The Lancet", "lancet"),
        ("Lancet (London, England)", "lancet"),
        ("BMJ (Clinical research ed.)", "bmj"),
        ("Médecine & Santé.", "medecine and sante"),
        ("The", "the"),
    ],
)
def test_a_journal_is_known_by_its_name_however_it_is_written(name: str, key: str) -> None:
    """MEDLINE adds places and editions, publishers articles and dots."""
    assert journal_key(name) == key


def test_what_is_long_many_or_an_identifier_is_no_label(settings: SettingsFactory) -> None:
    """Labels are indexed: abstracts, author lists and DOIs in metadata must not blow up the index."""
    known = {
        "doi": "10.1/x",
        "authors": ["A"],
        "note": "x" * 200,
        "codes": list(range(99)),
        "mesh": ["Humans"],
        "n": 1.5,
    }
    (entry,) = entries(Document("d", "T", "Text.", {**known, "ward": " ICU  2 "}), settings())
    assert stored(entry.passage)["facets"] == ["ward", "ward=icu 2"]
    assert "year" not in stored(entry.passage)


def test_an_index_without_facets_is_refused_with_its_remedy(settings: SettingsFactory) -> None:
    """In one of the first format nothing can be filtered, and retracted records could not be told."""
    old = {**Manifest.of(settings(), None).to_json(), "format": 1}
    with pytest.raises(IndexStoreError, match="without filters") as caught:
        Manifest.from_json(old, "there")
    assert "--rebuild" in caught.value.fix

"""Facets: what a record's own words make of it."""

from __future__ import annotations

import pytest

from ingest.evidence import derive, year_of
from ingest.readers.languages import language_code


@pytest.mark.parametrize(
    ("types", "kind"),
    [
        (["Journal Article", "Meta-Analysis", "Review", "Systematic Review"], "meta-analysis"),
        (
            ["Clinical Trial, Phase III", "Randomized Controlled Trial", "Multicenter Study"],
            "randomized controlled trial",
        ),
        (["Randomised controlled trial"], "randomized controlled trial"),
        (["Clinical Trial, Phase II"], "clinical trial"),
        (["Practice Guideline", "Review"], "guideline"),
        (["Case Reports", "Letter"], "case report"),
        (["Editorial", "Comment"], "editorial"),
        (["Preprint", "Randomized Controlled Trial"], "randomized controlled trial"),
        (["Preprint"], "preprint"),
        (["Observational Study"], "observational study"),
        (["Published Erratum"], "erratum"),
        (["Journal Article", "Research Support, Non-U.S. Gov't"], None),
        ([], None),
    ],
)
def test_the_strongest_publication_type_is_the_type(types: list[str], kind: str | None) -> None:
    """One word to filter by; none where a record does not say more than that it is an article."""
    assert derive({"publication_types": types}).get("type") == kind


@pytest.mark.parametrize(
    ("types", "mesh", "kind"),
    [
        (["Journal Article"], ["Humans", "Prospective Studies"], "cohort study"),
        (["Observational Study"], ["Case-Control Studies"], "case-control study"),
        (["Journal Article"], ["Cross-Sectional Studies"], "cross-sectional study"),
        (["Review"], ["Cohort Studies"], "review"),
        (["Journal Article"], ["Randomized Controlled Trials as Topic"], None),
    ],
)
def test_study_designs_come_from_mesh_where_the_type_is_silent(
    types: list[str], mesh: list[str], kind: str | None
) -> None:
    """MEDLINE states cohorts only as headings; a review about cohorts stays a review."""
    assert derive({"publication_types": types, "mesh": mesh}).get("type") == kind


@pytest.mark.parametrize(
    ("title", "retracted"),
    [
        ("RETRACTED: Ivermectin for all", True),
        ("[Retracted] Ivermectin for all", True),
        ("Retracted Article: Ivermectin", True),
        ("Retracted papers in oncology", False),
        ("WITHDRAWN: Drugs for gout", False),
    ],
)
def test_a_title_says_that_it_was_retracted(title: str, retracted: bool) -> None:
    """Publishers write it before the title; an article about retractions is not meant."""
    assert derive({}, title)["retracted"] is retracted


def test_metadata_of_any_shape_is_survived() -> None:
    """Front matter and columns are other people's: what is no text or list is passed over."""
    odd = {"publication_types": {"a": 1}, "mesh": 5, "corrections": "none", "year": [2001], "lang": 5, "journal": None}
    assert derive(odd) == {"retracted": False, "corrected": False}


@pytest.mark.parametrize(
    ("said", "year"),
    [
        (2001, 2001),
        ("2001.0", 2001),
        ("1998 Dec-1999 Jan", 1998),
        ("12/03/2004", 2004),
        ("0000", None),
        ("123456", None),
        (True, None),
    ],
)
def test_years_are_found_in_dates(said: object, year: int | None) -> None:
    """Numbers that are no year are not taken for one."""
    assert year_of(said) == year


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("eng", "en"),
        ("English", "en"),
        ("en-GB", "en"),
        ("chi", "zh"),
        ("zh_CN", "zh"),
        ("ger", "de"),
        ("und", None),
        ("", None),
    ],
)
def test_languages_are_two_letters(name: str, code: str | None) -> None:
    """Whether MEDLINE, Embase or a web page names them."""
    assert language_code(name) == code

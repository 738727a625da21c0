"""Numbers and units: the same amount in another form is no error, another amount is."""

from __future__ import annotations

import pytest

from assistant.answering.support import check

TRIAL = (
    "In this trial 1,000 patients received 500 mg of metformin daily for 12 weeks. HbA1c fell by 1.2% (95% CI 0·8–1.6; "
    "P<.001). Half of the patients lost weight, and the risk of stroke doubled in seventy-one of them."
)


@pytest.mark.parametrize(
    "same",
    [
        "In this trial 1000 patients received 500 mg of metformin daily for 12 weeks.",
        "In this trial 1 000 patients received 0.5 g of metformin daily for 84 days.",
        "HbA1c fell by 1.2 percent (95 % CI 0.8-1.6; p < 0.001).",
        "HbA1c fell by 1,2 % (95% CI 0.8 – 1.6; P < 0·001).",
        "50% of the patients lost weight, and the risk of stroke doubled in 71 of them.",
        "The risk of stroke increased twofold in some patients.",
    ],
)
def test_the_same_amount_written_otherwise_is_supported(same: str) -> None:
    """Milligrams and grams, weeks and days, 1,000 and 1000, half and 50 %, decimal points and commas are no differences."""
    assert check(same, TRIAL).verdict == "supported", check(same, TRIAL)


@pytest.mark.parametrize(
    ("other", "kind", "named"),
    [
        ("In this trial 1,000 patients received 50 mg of metformin daily for 12 weeks.", "number", "500 mg"),
        ("In this trial 1,000 patients received 500 g of metformin daily for 12 weeks.", "unit", "500 mg"),
        ("In this trial 1,000 patients received 500 mg of metformin daily for 12 months.", "unit", "12 weeks"),
        ("HbA1c fell by 2.1% (95% CI 0.8–1.6; P<.001).", "number", "1.2%"),
        ("HbA1c fell by 1.2% (95% CI 0.8–1.6; P>.001).", "number", "<.001"),
        (
            "Half of the patients lost weight, and the risk of stroke doubled in seventy-two of them.",
            "number",
            "seventy-one",
        ),
        ("HbA1c fell by 12 mmol/l in most of the patients who were given metformin.", "unit", "12"),
    ],
)
def test_another_amount_is_flagged_and_both_are_named(other: str, kind: str, named: str) -> None:
    """A reader sees what is claimed and what the source says instead, even where the figure stands elsewhere in it."""
    found = check(other, TRIAL)
    assert found.verdict in ("partly", "unsupported", "contradicted")
    assert any(reason.kind == kind and named in reason.text for reason in found.reasons), found


@pytest.mark.parametrize(
    ("sentence", "verdict"),
    [
        ("每天不超过6克。", "supported"),
        ("每天不超过6000毫克。", "supported"),
        ("每天不超过六毫克。", "contradicted"),
        ("死亡率下降了一半。", "supported"),
        ("死亡率下降了百分之五十。", "supported"),
        ("死亡率下降了百分之三十。", "contradicted"),
    ],
)
def test_chinese_numerals_and_units_are_understood(sentence: str, verdict: str) -> None:
    """Six grams in Chinese numerals are 6 克 and 6000 毫克; six milligrams are not."""
    source = "高血压患者首先要注意控制食盐摄入量，每天不超过六克。研究发现死亡率下降了50%。"
    found = check(sentence, source)
    assert found.verdict == verdict, found


def test_a_number_in_a_name_is_no_amount() -> None:
    """IL-6 and IL-10 differ as names, not as numbers."""
    found = check(
        "Serum levels of IL-10 rose in all treated patients.", "Serum levels of IL-6 rose in all treated patients."
    )
    assert {reason.kind for reason in found.reasons} == {"entity"}


def test_a_share_computed_from_counts_is_supported() -> None:
    """One in five is 21 % only roughly, 81 of 395 exactly: a source that gives the counts bears the share out."""
    found = check(
        "About 21% of surgical trials were stopped early.", "Of the surgical trials, 81 of 395 were stopped early."
    )
    assert not [reason for reason in found.reasons if reason.kind == "number"]


@pytest.mark.parametrize("date", ["5 March 2020", "March 5, 2020", "Mar. 5, 2020", "2020-03-05", "5 mar 2020"])
def test_a_date_is_the_same_in_every_order(date: str) -> None:
    """Day first, month first or year first: the same day is no difference, another one is another number."""
    source = "BACKGROUND: The trial was long. METHODS: Enrolment in the trial began on 5 March 2020 in Norway."
    assert check(f"Enrolment in the trial began on {date} in Norway.", source).verdict == "supported"
    for other in (
        source.replace("5 March", "6 March"),
        source.replace("March", "April"),
        source.replace("2020", "2021"),
    ):
        found = check(f"Enrolment in the trial began on {date} in Norway.", other)
        assert found.verdict != "supported"
        assert "number" in {reason.kind for reason in found.reasons}, found


def test_figures_before_a_unit_share_it() -> None:
    """`38.4 ± 1.2 vs. 39.4 ± 1.3 weeks` are four figures in weeks: days are another unit for each of them."""
    source = (
        "Infants had a lower gestational age (38.4 +/- 1.2 vs. 39.4 +/- 1.3 weeks) than other infants of that cohort."
    )
    assert check("The gestational age of the infants was 38.4 weeks.", source).verdict == "supported"
    assert check("The gestational age of the infants was 38.4.", source).verdict == "supported"
    found = check("The gestational age of the infants was 38.4 days.", source)
    assert "unit" in {reason.kind for reason in found.reasons}, found

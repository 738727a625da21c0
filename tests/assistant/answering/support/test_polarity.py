"""Negation and direction: what is turned round is flagged, what is turned round twice is not."""

from __future__ import annotations

import pytest

from assistant.answering.support import check

SOURCE = (
    "Treatment did not reduce mortality in older patients. Blood pressure was lower with enalapril than with placebo. "
    "No serious adverse events occurred. TIP48 formed oligomers, whilst TIP49 did not. Outcomes improved without surgery. "
    "The difference was statistically significant."
)


@pytest.mark.parametrize(
    ("turned", "kinds"),
    [
        ("Treatment did reduce mortality in older patients.", {"negation"}),
        ("Treatment reduced mortality in older patients.", {"negation"}),
        ("Blood pressure was higher with enalapril than with placebo.", {"direction"}),
        ("Blood pressure was not lower with enalapril than with placebo.", {"negation"}),
        ("Serious adverse events occurred.", {"negation"}),
        ("TIP48 formed oligomers, whilst TIP49 did.", {"negation"}),
        ("Outcomes worsened without surgery.", {"direction"}),
        ("Outcomes improved with surgery.", {"direction", "negation"}),
        ("The difference was statistically insignificant.", {"negation"}),
    ],
)
def test_a_claim_turned_round_is_flagged_for_it(turned: str, kinds: set[str]) -> None:
    """One word makes a true sentence false; the reason names it as a matter of direction or denial."""
    found = check(turned, SOURCE)
    assert found.verdict in ("partly", "contradicted")
    assert kinds & {reason.kind for reason in found.reasons}, found


@pytest.mark.parametrize(
    "same",
    [
        "Treatment didn't reduce mortality in older patients.",
        "Mortality did not fall with treatment.",
        "There were no serious adverse events.",
        "Enalapril lowered blood pressure more than placebo.",
    ],
)
def test_the_same_polarity_in_other_words_is_not_flagged(same: str) -> None:
    """A paraphrase is not wrong for being one."""
    found = check(same, SOURCE)
    assert not [reason for reason in found.reasons if reason.kind in ("direction", "negation")], found


def test_nitric_oxide_is_no_denial() -> None:
    """NO in capitals is a molecule."""
    source = "Two types of nitric oxide (NO) synthase were found in the lungs of the animals."
    assert (
        check("Two types of nitric oxide synthase were found in the lungs of the animals.", source).verdict
        == "supported"
    )


@pytest.mark.parametrize(
    ("sentence", "kind"), [("该药会增加心血管风险。", "negation"), ("血压明显升高。", "direction")]
)
def test_chinese_denial_and_direction_are_seen(sentence: str, kind: str) -> None:
    """不 left out and 升 for 降 are flagged as in English."""
    found = check(sentence, "研究显示该药不会增加心血管风险。血压明显降低。")
    assert kind in {reason.kind for reason in found.reasons}

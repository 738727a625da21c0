"""Names: another drug, condition or gene is flagged; an abbreviation or another spelling of the same is not."""

from __future__ import annotations

import pytest

from assistant.answering.support import check

SOURCE = (
    "Aspirin lowered the risk of ischaemic stroke in patients with chronic kidney disease. "
    "GATA-3 is required for T-cell development. Ibuprofen was not studied."
)


@pytest.mark.parametrize(
    ("swapped", "instead"),
    [
        ("Ibuprofen lowered the risk of ischaemic stroke in patients with chronic kidney disease.", "Aspirin"),
        ("Aspirin lowered the risk of ischaemic stroke in patients with chronic liver disease.", "kidney"),
        ("SOX2 is required for T-cell development.", "GATA-3"),
    ],
)
def test_a_name_put_for_another_is_flagged(swapped: str, instead: str) -> None:
    """Even a name that the source has elsewhere may not stand in another's place, and the reason says whose place it is."""
    found = check(swapped, SOURCE)
    assert found.verdict in ("partly", "unsupported", "contradicted")
    assert any(reason.kind == "entity" and instead in reason.text for reason in found.reasons), found


@pytest.mark.parametrize(
    "same",
    [
        "Aspirin lowered the risk of ischemic stroke in patients with CKD.",
        "Aspirin lowered the risk of ischaemic stroke in participants with chronic kidney disease (CKD).",
        "GATA3 is required for T cell development.",
    ],
)
def test_the_same_name_in_other_letters_is_known(same: str) -> None:
    """Abbreviations that either text spells out, British spelling, and a hyphen more or less are the same name."""
    assert check(same, SOURCE).verdict == "supported", check(same, SOURCE)


def test_a_name_the_source_lacks_is_named_in_a_paraphrase_too() -> None:
    """Where there is no sentence to lay beside it, a gene that nowhere occurs is still told."""
    found = check("Development of T cells requires FOXP3 as well as aspirin.", SOURCE)
    assert any(reason.kind == "entity" and "FOXP3" in reason.text for reason in found.reasons)

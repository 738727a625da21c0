"""How long an ingest will still take: told from the pace of the last minute, and only where it can be known."""

from __future__ import annotations

from typing import Any

import pytest

from assistant.commands.ingest_pace import Pace, in_words
from ingest.progress import Summary


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


def _told(pace: Pace, clock: Clock, after: float, **counts: Any) -> None:
    clock.now += after
    pace.heard(Summary(**counts))


def test_what_is_left_follows_from_the_pace_of_the_last_minute() -> None:
    """A run that goes on from where an earlier one stopped skips its first half in no time; that is no promise."""
    clock = Clock()
    pace = Pace(clock)
    _told(pace, clock, 5, documents=1, expected=10_000)
    assert pace.seconds_left is None
    _told(pace, clock, 1, documents=1, skipped=4_999, expected=10_000)
    for minute in range(1, 4):
        _told(pace, clock, 60, documents=600 * minute, skipped=5_000, expected=10_000)
    assert pace.seconds_left == pytest.approx((10_000 - 5_000 - 1_800) / 10)
    assert ", 5 min left of about 10,000 records, " in str(pace)
    assert pace.to_json() == {"documents_per_second": 36.6, "tokens_per_second": 0, "seconds_left": 320}


def test_nothing_is_promised_where_the_end_is_not_known() -> None:
    """Standard input, or more records than were expected: rates are told, and no time."""
    clock = Clock()
    pace = Pace(clock)
    assert pace.seconds_left is None
    for expected in (0, 50):
        for _ in range(2):
            _told(pace, clock, 10, documents=100 + int(clock.now), tokens=900, expected=expected)
        assert pace.seconds_left is None
        assert "left" not in str(pace)
        assert "tokens/s" in str(pace)


@pytest.mark.parametrize(
    ("seconds", "told"), [(0.4, "0 s"), (99, "99 s"), (100, "2 min"), (5_900, "98 min"), (12_000, "3 h 20 min")]
)
def test_times_are_told_as_one_says_them(seconds: float, told: str) -> None:
    """No false precision, and no 12,000 seconds."""
    assert in_words(seconds) == told

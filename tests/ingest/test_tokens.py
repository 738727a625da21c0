"""Counting tokens: right, and without the network."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import tokens


@pytest.mark.parametrize(
    ("text", "count"), [("", 0), ("hello world", 2), ("高血压", 5), ("<|endoftext|>", 7), ("myocardial infarction", 6)]
)
def test_counts_are_those_of_cl100k(text: str, count: int) -> None:
    """Special tokens in a document are ordinary text, and no error."""
    assert tokens.count(text) == count


@pytest.mark.parametrize("text", ["", "a", "word " * 40, "高血压" * 20, "\U0001f600" * 20, "x" * 200])
def test_fits_agrees_with_count(text: str) -> None:
    """The shortcuts for short texts never say otherwise than counting does."""
    exact = tokens.count(text)
    assert tokens.fits(text, exact)
    assert exact == 0 or not tokens.fits(text, exact - 1)


@given(
    st.lists(st.sampled_from([*"aZé7µ,.-(\n\t", "’s", " ", "  ", "高血压", "mg/dL", "randomised", "\u3000"])).map(
        "".join
    )
)
def test_a_count_by_words_is_that_of_the_whole_text(text: str) -> None:
    """A passage is as long as the settings say: no text has more tokens than were counted, prose not fewer either."""
    encoded = len(tokens.encoding().encode_ordinary(text))
    assert tokens.count(text) == encoded or (re.search(r"\s ", text) and tokens.count(text) > encoded)


def test_no_network_is_needed() -> None:
    """An offline machine counts tokens: the vocabulary travels with llama-index."""
    script = (
        "import socket\n"
        "def refuse(*_): raise AssertionError('it asked the network')\n"
        "socket.socket.connect = socket.getaddrinfo = refuse\n"
        "from ingest import tokens\n"
        "assert tokens.count('hello world') == 2\n"
    )
    environment = {k: v for k, v in os.environ.items() if k not in ("TIKTOKEN_CACHE_DIR", "DATA_GYM_CACHE_DIR")}
    subprocess.run([sys.executable, "-c", script], check=True, env=environment)

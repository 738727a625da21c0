"""Untrusted text made harmless to show: no terminal escapes, no control characters, no reordered letters."""

from __future__ import annotations

import re

# Whole escape sequences (CSI; OSC, DCS, SOS, PM, APC up to their end; two-character ones), so that no "[31m" stays behind.
_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x9b[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c|$)"
    r"|\x1b[ -/]*[0-~]"
)
_LINE_ENDS = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
# C0 and C1 controls but tab and newline; bidirectional embeddings, overrides and isolates; half surrogates.
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def printable(text: str) -> str:
    """`text` without anything that a terminal, a Markdown viewer or a reader's eye could be tricked with."""
    return _CONTROLS.sub("", _LINE_ENDS.sub("\n", _ESCAPES.sub("", text)))


def one_line(text: str) -> str:
    """`printable`, and on a single line."""
    return " ".join(printable(text).split())

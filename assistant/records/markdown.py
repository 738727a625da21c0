"""Untrusted text inside Markdown: shown as what it says, never as headings, links, images, HTML or fences.

Only what CommonMark (and GitHub's tables and strikethrough) would interpret where it stands is escaped,
so that a passage in the file still reads, and can be searched for, much as its document has it.
"""

from __future__ import annotations

import re

from ingest.text import one_line, printable

# Inside a line. An underscore between letters or digits, a `<` before a number and brackets that no
# `(` or `:` follows mean nothing in CommonMark, and nothing here defines a link for `[1]` to refer to.
_SPAN = r"`|<(?=[A-Za-z/!?])|&(?=#?\w{1,40};)|\](?=[(:])|~(?=~)|(?<=~)~"
_LITERAL = re.compile(rf"[\\*]|(?<![^\W_])_|_(?![^\W_])|{_SPAN}")
# In prose, emphasis is meant and a backslash escapes already; such a pair is passed over whole.
_PROSE = re.compile(rf"(?P<pair>\\[!-/:-@\[-`{{-~])|{_SPAN}")
# At the start of a line: heading, quote, rule or underline, table row, list item.
_START = re.compile(r"[#>=|]|[-+](?!\w)|:(?=-)|(?P<number>[0-9]{1,9})(?=[.)](?:\s|$))")
_ITEM = re.compile(r"(?:[-+*]|[0-9]{1,9}[.)])\s+")
_RULE = re.compile(r"[-*_\s]+")
# Written out as a link to itself, so that it shows where it leads; anything else stays text.
_URL = re.compile(r"https?://[A-Za-z0-9._~:/?#@!$&'()*+,;=%-]+")


def literal(text: str) -> str:
    """Text as Markdown that renders as these very characters; lines stay lines, indents go."""
    return "\n".join(_literal(row.strip()) for row in printable(text).split("\n"))


def line(text: object) -> str:
    """Any value as `literal`, on a single line."""
    return _literal(one_line(str(text)))


def prose(text: str) -> str:
    """An answer's Markdown with its emphasis, lists and escapes kept, all other markup made literal."""
    return "\n".join(_prose(row.strip()) for row in printable(text).split("\n"))


def quote(text: str) -> str:
    """Text as a block quote that nothing in it can end."""
    return "\n".join(f"> {row}".rstrip() for row in literal(text).split("\n"))


def url(address: str) -> str:
    """An http(s) address as a link whose text is the address; any other as plain text."""
    return f"<{address}>" if _URL.fullmatch(address) else line(address)


def _literal(text: str) -> str:
    return _at_start(_LITERAL.sub(r"\\\g<0>", text))


def _prose(text: str) -> str:
    if _RULE.fullmatch(text):
        return _literal(text)
    if item := _ITEM.match(text):
        return item[0].rstrip() + " " + _prose(text[item.end() :])
    return _at_start(_PROSE.sub(lambda match: match[0] if match["pair"] else "\\" + match[0], text))


def _at_start(text: str) -> str:
    start = _START.match(text)
    if start is None:
        return text
    number = start["number"] or ""
    return number + "\\" + text[len(number) :]

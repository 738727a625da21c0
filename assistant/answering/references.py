"""The list of sources that a model writes below its answer, and the definitions of its footnotes: taken out, and read."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from assistant.answering import markers
from assistant.answering.markers import Names

_HEADING = (
    r"(?:sources?|references?|citations?|bibliography|works cited|footnotes?|notes"
    r"|参考文献|参考资料|参考来源|资料来源|来源|引用|引文|出处|注释?)(?: (?:used|cited))?"
)
_HEADING_LINE = re.compile(rf"[ \t>#*_]*{_HEADING}[ \t*_]*[:：]?[ \t*_]*", re.IGNORECASE)
_HEADED_LINE = re.compile(rf"[ \t>*_]*{_HEADING}[ \t*_]*[:：][ \t*_]*(?P<rest>\S.*)", re.IGNORECASE)
_LABEL = r"(?:(?:source|passage|ref(?:erence)?|document|doc|来源|段落|文献|资料)\s*)"
_ENTRY = re.compile(
    rf"[ \t]*(?:[-*+•][ \t]+)?[*_]*(?:[\[【［(（]\s*\^?{_LABEL}?(?P<n>\d{{1,3}})\s*[\]】］)）]|(?P<m>\d{{1,3}})[.)、]|{_LABEL}(?P<k>\d{{1,3}})\b)[*_]*[ \t]*[:：.]?(?P<rest>.*)",
    re.IGNORECASE,
)
_BULLET = re.compile(r"[ \t]*[-*+•][ \t]+(?P<rest>.*)")
_DEFINITION = re.compile(
    r"^ {0,3}\[\^(?P<label>[^\]\s]{1,20})\]:[ \t]*(?P<rest>.*(?:\n(?: {2,}|\t)\S.*)*)\n?", re.MULTILINE
)
_LINK_DEFINITION = re.compile(r" {0,3}\[\d{1,3}\]:\s*\S")
_ONLY_NUMBERS = re.compile(r"\d{1,3}(?:\s*(?:[,，、;和&-]|and)\s*\d{1,3})*\.?", re.IGNORECASE)
_TITLE = 12  # letters from which a title in a longer text is no accident


@dataclass(slots=True)
class Listed:
    """What stood below an answer: the numbers listed there, and the footnotes that name a source."""

    numbers: list[int] = field(default_factory=list)
    footnotes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    entries: dict[int, str] = field(default_factory=dict)
    """What each numbered entry says."""
    present: bool = False


def cut(text: str, called: Names) -> tuple[str, Listed]:
    """The answer without its own list of references and footnote definitions; and what these say.

    A list is one only under a heading of its own (“Sources:”, “参考文献”) at the end, or where each of its
    lines reads `[1]: …`; whatever else looks like one stays in the answer.
    """
    listed = Listed()
    definitions = list(_DEFINITION.finditer(text))
    for match in definitions:
        listed.footnotes[match["label"]] = _named(match["rest"], called)
        if match["label"].isdigit():
            listed.entries[int(match["label"])] = match["rest"]
    # A label that is a number is that source's, unless the model numbered its notes for itself.
    own = any(found and label != str(found[0]) for label, found in listed.footnotes.items())
    for label, found in listed.footnotes.items():
        if not found and label.isdigit():
            listed.footnotes[label] = () if own else (int(label),)
    text = _DEFINITION.sub("", text)
    listed.present = bool(definitions)
    lines = text.split("\n")
    first = _begin(lines)
    if first is None:
        return text, listed
    listed.present = True
    headed = _HEADED_LINE.fullmatch(lines[first])
    for line in [headed["rest"] if headed else lines[first], *lines[first + 1 :]]:
        if entry := _ENTRY.fullmatch(line):
            listed.entries[int(entry["n"] or entry["m"] or entry["k"])] = entry["rest"].strip()
        listed.numbers += [n for n in _of_entry(line, called) if n not in listed.numbers]
    return "\n".join(lines[:first]).rstrip(), listed


def _begin(lines: list[str]) -> int | None:
    """The line with which a closing list begins; None where there is none."""
    n = len(lines)
    seen = False
    while n and (not lines[n - 1].strip() or _ENTRY.fullmatch(lines[n - 1]) or _BULLET.fullmatch(lines[n - 1])):
        n -= 1
        seen = seen or bool(lines[n].strip())
    if n and seen and _HEADING_LINE.fullmatch(lines[n - 1]):
        return n - 1
    if n and (headed := _HEADED_LINE.fullmatch(lines[n - 1])) and _is_list(headed["rest"]):
        return n - 1
    while n < len(lines) and not _LINK_DEFINITION.match(lines[n]):
        n += 1
    defined = n < len(lines) and all(not line.strip() or _LINK_DEFINITION.match(line) for line in lines[n:])
    return n if defined else None


def _is_list(rest: str) -> bool:
    return bool(_ENTRY.fullmatch(rest) or _ONLY_NUMBERS.fullmatch(rest.strip()))


def _of_entry(line: str, called: Names) -> list[int]:
    """The sources of one line: all markers where there is nothing else, else the one it begins with or names."""
    if _ONLY_NUMBERS.fullmatch(line.strip()):
        return list(markers.numbers(line))
    entry = _ENTRY.fullmatch(line)
    if entry is None:
        bullet = _BULLET.fullmatch(line)
        return list(_named(bullet["rest"], called)) if bullet else []
    rest = entry["rest"]
    further = [n for marker in markers.find(rest, (), {}, {}) for n in marker.numbers]
    if further and not re.search(r"[^\W\d]{4}", re.sub(r"[\[【［(（].*?[\]】］)）]", "", rest)):
        return [int(entry["n"] or entry["m"] or entry["k"]), *further]
    if entry["m"] and (found := _named(rest, called)):
        return list(found)  # an ordered list counts its lines; what it names is the source
    return [int(entry["n"] or entry["m"] or entry["k"])]


def _named(text: str, called: Names) -> tuple[int, ...]:
    """The sources that a definition names: by marker, by label, or one by its title."""
    if found := [n for marker in markers.find(text, (), called, {}) for n in marker.numbers]:
        return tuple(dict.fromkeys(found))
    if label := re.match(rf"\W*{_LABEL}(\d{{1,3}})\b", text, re.IGNORECASE):
        return (int(label[1]),)
    told = markers.folded(text)
    if told in called:
        return (called[told],)
    within = {n for name, n in called.items() if len(name) >= _TITLE and name in told}
    return tuple(within) if len(within) == 1 else ()

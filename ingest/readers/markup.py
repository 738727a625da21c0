"""XML read safely and as a stream, and its inline markup as plain text.

Nothing is fetched, no DTD is loaded, no entity is expanded: a file that declares entities of its own (the way of
XML bombs and of files smuggled in) is refused whole. libxml2's own limits (depth, length, attributes) stay on.

How markup is flattened: a superscript after a digit gets a caret (10<sup>-3</sup> is “10^-3” and 80<sup>b</sup>
“80^b”, for “10-3” would be another number); all other super- and subscripts are run on, as people type them (Ca2+,
CO2, m2, CD4+, 18F-FDG, 2nd). MathML is its tokens without the line breaks between them. References to the literature are left out.
"""

from __future__ import annotations

import html.entities
import re
from collections.abc import Collection, Iterator
from typing import Any, BinaryIO, TypeAlias

from lxml import etree

from ingest.readers.base import Rejected

Element: TypeAlias = Any
"""lxml has no types of its own."""

_EXPONENT = re.compile(r"\s*(?!(?:st|nd|rd|th)\b)[-+−–]?\w")
# Formulas in TeX, which stand there as MathML or as a picture too.
_LEFT_OUT = {"tex-math"}
# What references leave behind once they are gone: empty brackets, commas between nothing, blanks before a full stop.
_TRACES = (
    re.compile(r" ?[(\[][\s,;–-]*[)\]]"),
    re.compile(r"(?:\s+[,;–-])+(?=\s*[.,;)])"),
    re.compile(r"\s+(?=[.,;)](?:\s|$))"),
)


def records(stream: BinaryIO, name: str, tags: Collection[str], kind: str) -> Iterator[tuple[int, Element] | Rejected]:
    """Elements of these tags, in any namespace, each with its number from 1; each is emptied once it was used.

    A file that breaks off or is not well-formed yields what came before and one `Rejected`.
    """
    number = 0
    wanted = [f"{{*}}{tag}" for tag in tags]
    safe = {"resolve_entities": False, "no_network": True, "load_dtd": False, "huge_tree": False}
    events = etree.iterparse(stream, tag=wanted, remove_comments=True, remove_pis=True, **safe)
    try:
        for _, element in events:
            if number == 0 and declares_entities(element):
                yield Rejected(name, "declares XML entities of its own, which are never expanded")
                return
            number += 1
            yield number, element
            element.clear()
            while element.getprevious() is not None:
                del element.getparent()[0]
    except etree.XMLSyntaxError as error:
        where = f"{name}:record {number}" if number else name
        yield Rejected(where, f"is not well-formed XML past this: {error.msg}")
        return
    if number == 0:
        if events.root is not None and declares_entities(events.root):
            yield Rejected(name, "declares XML entities of its own, which are never expanded")
        else:
            yield Rejected(name, f"holds no {kind}")


def declares_entities(element: Element) -> bool:
    """Whether the document's own DTD part declares any entity."""
    dtd = element.getroottree().docinfo.internalDTD
    return dtd is not None and any(True for _ in dtd.iterentities())


def local(element: Element) -> str:
    """The tag without its namespace; empty for an entity reference."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def flat(element: Element | None) -> str:
    """All text of an element on one line."""
    if element is None:
        return ""
    if len(element) == 0:
        return " ".join((element.text or "").split())
    pieces: list[str] = []
    _flatten(element, pieces)
    return " ".join("".join(pieces).split())


def prose(element: Element) -> str:
    """`flat`, without what references to the literature leave behind."""
    text = flat(element)
    if len(element) and any(xref.get("ref-type") == "bibr" for xref in element.iter("{*}xref")):
        for trace in _TRACES:
            text = trace.sub("", text)
    return text


def _flatten(element: Element, pieces: list[str]) -> None:
    if element.text:
        pieces.append(element.text)
    for child in element:
        tag = local(child)
        if not tag:
            pieces.append(_entity(child))
        elif tag == "sup":
            pieces.append(_raised(flat(child), pieces))
        elif tag == "math":
            pieces.append(_math(child))
        elif tag == "xref" and child.get("ref-type") == "bibr":
            pass
        elif len(child):
            if tag not in _LEFT_OUT:
                _flatten(child, pieces)
        elif child.text and tag not in _LEFT_OUT:
            pieces.append(child.text)
        if child.tail:
            pieces.append(child.tail)


def _raised(text: str, before: list[str]) -> str:
    """A superscript as it stands after these pieces."""
    last = next((piece for piece in reversed(before) if piece), "")
    return f"^{text}" if last[-1:].isdigit() and _EXPONENT.match(text) else text


def _math(element: Element) -> str:
    """The tokens of a formula, its annotations aside, with a caret between a base that ends in a digit and its power."""
    tag = local(element)
    if tag == "annotation":
        return ""
    if tag != "msup" and element.find(".//{*}msup") is None and element.find(".//{*}annotation") is None:
        return "".join(token.strip() if "\n" in token else token for token in element.itertext())
    parts: list[str] = [(element.text or "").strip()]
    for nth, child in enumerate(element):
        text = _math(child)
        parts.append(_raised(text, parts) if nth == 1 and tag == "msup" else text)
    return "".join(parts)


def _entity(node: Element) -> str:
    """The character of an entity that HTML knows; else its reference as it stands there."""
    return html.entities.html5.get(f"{node.name};", f"&{node.name};")

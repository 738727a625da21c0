"""Markdown: one document a file, its front matter (YAML between two lines of ---) as metadata, its text as it stands."""

from __future__ import annotations

import re
from typing import Any, BinaryIO

import yaml

from ingest.readers.base import TOO_LARGE, Records, Rejected, TooLarge, read_whole, tells_damage
from ingest.readers.columns import people, several
from ingest.readers.fields import build, doi_in, place_id, pmcid_in, pmid_in
from ingest.readers.text import decode

_FRONT = re.compile(r"---[ \t]*\n(.*?\n)?(?:---|\.\.\.)[ \t]*(?:\n|$)", re.DOTALL)
_LONGEST_FRONT = 2**16
_DEEPEST = 16
_FENCE = re.compile(r"^(```|~~~).*?^\1", re.DOTALL | re.MULTILINE)
_HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]+(.+?)[ \t]*#*[ \t]*$|^(?![-=]+\s*$)(\S.*)\n(?:=+|-+)[ \t]*$", re.MULTILINE)
_MARKS = re.compile(r"[*_`]+|\[([^\]]*)\]\([^)]*\)")


@tells_damage
def read_markdown(stream: BinaryIO, name: str) -> Records:
    """Yield the document of a Markdown file; front matter that is no plain YAML rejects it."""
    try:
        said = decode(read_whole(stream))
    except TooLarge:
        yield Rejected(name, TOO_LARGE)
        return
    if said.problem:
        yield Rejected(name, f"is {said.problem}")
        return
    text = said.text.replace("\r\n", "\n")
    front = _FRONT.match(text)
    try:
        metadata = _metadata(front[1]) if front and front[1] else {}
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        yield Rejected(f"{name}:1", f"its front matter is no plain YAML: {' '.join(str(error).split())}")
        return
    body = text[front.end() :] if front else text
    if said.western:
        metadata["encoding"] = "cp1252"
    heading = _HEADING.search(_FENCE.sub("", body))
    title = str(metadata.pop("title", "") or "") or (_MARKS.sub(r"\1", heading[1] or heading[2]) if heading else "")
    if title or body.strip():
        yield build(title, body, metadata, origin=f"{name}:1", fallback=place_id(name), headed=True)


def _metadata(front: str) -> dict[str, Any]:
    """Front matter with every scalar as text; no tags, no anchors that could multiply themselves.

    Raises:
        ValueError: it is too large, too deep, uses anchors or is no mapping.
        yaml.YAMLError: it is no YAML.
    """
    if len(front) > _LONGEST_FRONT:
        raise ValueError("it is longer than 64 KiB")
    depth = 0
    for event in yaml.parse(front, yaml.BaseLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent) or depth > _DEEPEST:
            raise ValueError("anchors are not followed" if depth <= _DEEPEST else "it is nested too deeply")
    said = yaml.load(front, yaml.BaseLoader)  # noqa: S506 - BaseLoader knows text, lists and mappings, nothing else
    if not isinstance(said, dict):
        raise ValueError("a mapping is needed") if said else ValueError("it is empty")
    facts = {str(key).strip().lower(): value for key, value in said.items()}
    authors = facts.pop("authors", None) or facts.pop("author", "")
    return facts | {
        "authors": [str(name) for name in authors] if isinstance(authors, list) else people(str(authors)),
        "year": str(facts.get("year") or facts.get("date") or ""),
        "lang": str(facts.get("lang") or facts.get("language") or ""),
        "keywords": facts["keywords"]
        if isinstance(facts.get("keywords"), list)
        else several(str(facts.get("keywords") or "")),
        "publication_types": several(str(facts["type"])) if facts.get("type") else [],
        "pmid": pmid_in(str(facts.get("pmid") or "")),
        "pmcid": pmcid_in(str(facts.get("pmcid") or "")),
        "doi": doi_in(str(facts.get("doi") or "")),
    }

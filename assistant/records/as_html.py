"""A session as one HTML page that needs nothing else: no network, no script, readable on a phone and on paper.

The page carries its JSON transcript along, so that `citewell transcript verify` can check the page too. Documents,
models and users are hostile until shown otherwise: the template escapes every text, a policy in the page forbids
scripts, loads and forms, and the one style it allows is allowed by its hash.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from assistant.records import as_json, page
from ingest.text import printable

if TYPE_CHECKING:
    from jinja2 import Template

    from assistant.records.sessions import Session

_NO_HASH = "0" * 64
_PAGE_HASH = re.compile(r'(?<=<meta name="citewell-page" content=")[0-9a-f]{64}(?=">)')
_DATA = re.compile(r'<script type="application/json" id="citewell-transcript">\n(.*?)\n</script>', re.DOTALL)
# Inside JSON these stand in strings alone, where \uXXXX says the same; unescaped they could end the block.
_IN_SCRIPT = {ord(character): f"\\u{ord(character):04x}" for character in "<>&"}


def to_html(session: Session) -> str:
    """Write out a session as a page, with the hash of the page itself in its head."""
    transcript = as_json.document(session)
    style = files("assistant.records").joinpath("transcript.css").read_text("utf-8")
    text = _template().render(
        # Of what the transcript holds, so that the page can be made again from it, character by character.
        page=page.of(as_json.session_of(transcript)),
        style=Markup(style),  # noqa: S704 — our own file
        style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        data=Markup(as_json.written(transcript).rstrip("\n").translate(_IN_SCRIPT)),  # noqa: S704 — no <, > or & is left
        content_hash=transcript["sha256"],
        page_hash=_NO_HASH,
    )
    return sealed(text)


def sealed(text: str) -> str:
    """A page with its own hash in its head, counted with noughts in that place."""
    return _PAGE_HASH.sub(_hash(text), text, count=1)


def data_of(text: str) -> dict[str, Any] | None:
    """The JSON transcript that a page carries; None where it carries none that can be read."""
    found = _DATA.search(text)
    try:
        data = json.loads(found[1]) if found else None
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def untouched(text: str) -> bool:
    """Whether a page is as it was written, by the hash in its head."""
    found = _PAGE_HASH.search(text)
    return found is not None and found[0] == _hash(text)


def _hash(text: str) -> str:
    text = _PAGE_HASH.sub(_NO_HASH, text, count=1)
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=True, finalize=_harmless, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(files("assistant.records").joinpath("transcript.html.jinja").read_text("utf-8"))


def _harmless(value: Any) -> Any:
    """What the template puts in, without control characters and reordering; markup of ours as it is."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value

"""A session as JSON with all that its answers rest on, and a hash over it; read back, damaged or edited as it may be."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import datetime
from typing import Any

from assistant import __version__
from assistant.answering.answer import Answer
from assistant.answering.provenance import without_path
from assistant.records.sessions import Session

FORMAT = 2
# What JSON leaves as it is, but a terminal or an editor would obey.
_UNSAFE = re.compile(r"[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def document(session: Session) -> dict[str, Any]:
    """The transcript as an object: `Answer.from_json` reads its `answers` back.

    `sha256` is that of all the rest (`content_hash`): it tells an edited transcript, not one forged with care.
    """
    whole = {
        "citewell_transcript": FORMAT,
        "citewell": __version__,
        "session": {
            "id": session.id,
            "created": session.created.isoformat(),
            "updated": session.updated.isoformat(),
            "title": session.title,
            "damaged": list(session.damaged),
        },
        "answers": [answer_json(answer) for answer in session.answers],
    }
    # Written and read once, so that the hash is that of what a reader gets: lists for tuples, and the like.
    whole = json.loads(json.dumps(whole, default=str))
    return {**whole, "sha256": content_hash(whole)}


def session_of(transcript: dict[str, Any]) -> Session:
    """The session that a transcript holds; KeyError, TypeError or ValueError where it is none."""
    about = transcript["session"]
    return Session(
        id=str(about["id"]),
        created=datetime.fromisoformat(about["created"]),
        updated=datetime.fromisoformat(about["updated"]),
        title=str(about["title"]),
        answers=tuple(map(Answer.from_json, transcript["answers"])),
        damaged=tuple(map(int, about["damaged"])),
    )


def answer_json(answer: Answer) -> dict[str, Any]:
    """An answer as transcripts hold it: where a span is named, the words that stand there are too, as `quote`."""
    stored = answer.to_json()
    texts = {source.n: source.text for source in answer.sources}
    for sentence in (*stored["sentences"], *stored["withheld"]):
        for found in (*sentence["checks"], *([sentence["opinion"]] if sentence["opinion"] else [])):
            span = found["span"]
            found["quote"] = texts[found["source"]][slice(*span)] if span and found["source"] in texts else None
    if stored["verifier"]:
        stored["verifier"]["model"] = without_path(stored["verifier"]["model"])
    return {**stored, "model": without_path(answer.model) if answer.model else answer.model}


def content_hash(transcript: dict[str, Any]) -> str:
    """SHA-256, in hex, over the transcript without its `sha256`, as JSON with sorted keys, no blanks and only ASCII."""
    rest = {key: value for key, value in transcript.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def written(transcript: dict[str, Any]) -> str:
    """A transcript's JSON text: readable, and nothing in it that a terminal or an editor would obey."""
    text = json.dumps(transcript, ensure_ascii=False, indent=2)
    # Outside of its strings JSON has only ASCII, so this changes how a string is written and not what it says.
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text) + "\n"


def to_json(session: Session) -> str:
    """Write out a session as JSON."""
    return written(document(session))

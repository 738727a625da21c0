"""Run by the tests in a terminal of its own: `python -m tests.assistant.tui.in_terminal DATA_DIR HOW`.

HOW is `endless` (an answer that never ends), `crash` (an engine with a bug in it), `crash --debug` or `modules`
(leave at the first paint, with a status that says whether anything heavy was imported on the way there).
"""

from __future__ import annotations

import asyncio
import sys

from assistant.commands import cli
from assistant.tui import dialogue
from configs.settings import Settings

HEAVY = ("llama_index", "openai", "qdrant_client", "qdrant_edge", "tiktoken", "httpx")


def main() -> int:
    """The chat's exit status."""
    data, (how, *options) = sys.argv[1], sys.argv[2].split()

    async def opener(settings: Settings):  # type: ignore[no-untyped-def]
        if how == "modules":
            sys.exit(4 if any(name in sys.modules for name in HEAVY) else 0)
        from tests.assistant.tui.scripted import ScriptedEngine, answer, script

        # Without a script, the engine stumbles over its own bug.
        return ScriptedEngine(settings, *([script(answer(), asyncio.Event())] if how == "endless" else []))

    dialogue.open_engine = opener
    return cli.run(["chat", "--set", f"data_dir={data}", *options])


if __name__ == "__main__":
    sys.exit(main())

"""Run by the tests in a terminal of its own: `python -m tests.assistant.tui.in_terminal DATA_DIR HOW`.

HOW is `endless` (an answer that never ends), `crash` (an engine with a bug in it) or `modules` (leave at
the first paint, with a status that says whether anything heavy was imported on the way there).
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from assistant.tui.app import run_chat
from configs import settings as configuration
from configs.settings import Settings

HEAVY = ("llama_index", "openai", "qdrant_client", "qdrant_edge", "tiktoken", "httpx")


def main() -> int:
    """The chat's exit status."""
    settings = configuration.load(None, {"data_dir": Path(sys.argv[1])}).settings
    how = sys.argv[2]

    async def opener(settings: Settings):  # type: ignore[no-untyped-def]
        if how == "modules":
            sys.exit(4 if any(name in sys.modules for name in HEAVY) else 0)
        from tests.assistant.tui.scripted import ScriptedEngine, answer, script

        # Without a script, the engine stumbles over its own bug.
        return ScriptedEngine(settings, *([script(answer(), asyncio.Event())] if how == "endless" else []))

    return run_chat(settings, open_engine=opener)


if __name__ == "__main__":
    sys.exit(main())

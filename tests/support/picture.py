"""The picture in the README: the real chat over the sample corpus, exported by the program itself.

Made by `python -m tests.support.picture assistant/tui/chat.svg`.
"""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
from pathlib import Path

from assistant.commands.chat import demo_settings, prepare_demo
from assistant.tui.app import CitewellApp
from assistant.tui.widgets.answer import AnswerView
from configs.loading import load

_FONT_FACE = re.compile(r"\s*@font-face \{[^}]*\}")
_SIZE = (120, 36)
_QUESTION = "When must metformin be stopped in kidney disease?"


async def picture() -> str:
    """Ask one question, open its first citation; what the screen then shows, as SVG."""
    with tempfile.TemporaryDirectory() as folder:
        settings = demo_settings(load(flags={"data_dir": folder}).settings)
        await prepare_demo(settings)
        app = CitewellApp(settings)
        async with app.run_test(size=_SIZE) as pilot:
            await pilot.press(*_QUESTION, "enter")
            async with asyncio.timeout(30):
                while not any(view.answer for view in app.screen.query(AnswerView)):
                    await pilot.pause(0.05)
            await pilot.pause(0.5)
            await pilot.press("tab", "enter")
            await pilot.pause(0.5)
            shown = app.export_screenshot()
        await app.dialogue.close()
    # Whoever looks at the picture need not fetch a font from anywhere.
    return _FONT_FACE.sub("", shown)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(asyncio.run(picture()), "utf-8")

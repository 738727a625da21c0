"""The themes: readable all day, and with no colours at all."""

from __future__ import annotations

import pytest
from textual.color import Color
from textual.theme import Theme

from assistant.tui import themes
from assistant.tui.app import CitewellApp
from tests.assistant.tui.conftest import OpenChat
from tests.assistant.tui.scripted import Opener, ScriptedEngine, answer, script
from tests.conftest import SettingsFactory


@pytest.mark.parametrize("theme", [themes.DARK, themes.LIGHT], ids=lambda theme: theme.name)
def test_text_stands_out_from_its_ground(theme: Theme) -> None:
    """What carries meaning has a contrast of at least 5.5:1 (WCAG AA asks 4.5:1), running text of 12:1."""
    grounds = [ground for ground in (theme.background, theme.surface) if ground]
    inks = [theme.primary, theme.warning, theme.error, theme.success, theme.variables["quiet"]]
    for ground in grounds:
        assert _contrast(theme.foreground or "", ground) >= 12
        # What is marked in a passage is to be read above all. (In Content, Textual ignores alpha in a variable.)
        assert _contrast(theme.foreground or "", theme.variables["mark"]) >= 7
        for ink in inks:
            assert _contrast(ink or "", ground) >= 5.5, (ink, ground)


def test_an_unknown_or_unreadable_theme_is_not_used() -> None:
    """A theme that does not exist, or that NO_COLOR would make black on black, gives way to the dark one."""
    assert themes.usable("citewell-light", no_color=True) == "citewell-light"
    assert themes.usable("nord", no_color=False) == "nord"
    assert themes.usable("no-such-theme", no_color=False) == themes.DARK.name
    assert themes.usable("ansi-dark", no_color=True) == themes.DARK.name


async def test_without_colour_a_citation_still_looks_like_a_link(
    chat: OpenChat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NO_COLOR: citations are underlined, since no colour tells them from the text."""
    monkeypatch.setenv("NO_COLOR", "1")
    async with chat(script(answer())) as c:
        view = await c.ask()
        assert c.app.no_color
        assert view.markdown.places()[0].block.styles.link_style.underline


@pytest.mark.parametrize("name", ["gruvbox", "ansi-dark", "ansi-light"])
async def test_a_theme_of_textual_can_be_set(settings: SettingsFactory, name: str) -> None:
    """`chat.theme` takes any theme; our style sheet finds its own colours there too."""
    own = settings({"chat.theme": name})
    app = CitewellApp(own, Opener(ScriptedEngine(own, script(answer()))))
    async with app.run_test() as pilot:
        await pilot.press("a", "enter", "f2", "f1")
        assert app.theme == name


def _contrast(one: str, other: str) -> float:
    """WCAG 2's contrast ratio of two colours, 1 to 21."""
    darker, lighter = sorted(_luminance(Color.parse(colour)) for colour in (one, other))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: Color) -> float:
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour.normalized]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

"""The two themes of the chat: one accent for citations, everything else calm. Contrast is 12:1 for text, 5.5:1 for the rest."""

from __future__ import annotations

from textual.theme import BUILTIN_THEMES, Theme

DARK = Theme(
    name="citewell-dark",
    primary="#7fb8cf",
    secondary="#8e9aa6",
    accent="#7fb8cf",
    foreground="#d9dde2",
    background="#15181c",
    surface="#1b1f24",
    panel="#23282f",
    success="#8fbf9a",
    warning="#dcb067",
    error="#e08a80",
    dark=True,
    variables={
        "footer-background": "#15181c",
        "footer-key-foreground": "#7fb8cf",
        "footer-description-foreground": "#8e9aa6",
        "border": "#4f7f93",
        "border-blurred": "#363d46",
        "block-cursor-foreground": "#d9dde2",
        "block-cursor-background": "#2b424e",
        "block-cursor-text-style": "none",
        "input-selection-background": "#7fb8cf 30%",
        "scrollbar": "#363d46",
        "scrollbar-hover": "#4a535e",
        "scrollbar-active": "#5b6673",
        "scrollbar-background": "#15181c",
        "scrollbar-background-hover": "#15181c",
        "scrollbar-background-active": "#15181c",
        "quiet": "#98a3ae",
        "hairline": "#2e343c",
        "mark": "#22323b",
        "mark-strong": "#2f5566",
    },
)

LIGHT = Theme(
    name="citewell-light",
    primary="#0b5c76",
    secondary="#5b646d",
    accent="#0b5c76",
    foreground="#22272c",
    background="#fbfaf7",
    surface="#f4f2ed",
    panel="#e9e6df",
    success="#2b6a43",
    warning="#7d5200",
    error="#9c2b26",
    dark=False,
    variables={
        "footer-background": "#fbfaf7",
        "footer-key-foreground": "#0b5c76",
        "footer-description-foreground": "#5b646d",
        "border": "#5d95a8",
        "border-blurred": "#cfcac0",
        "block-cursor-foreground": "#22272c",
        "block-cursor-background": "#cfe2e8",
        "block-cursor-text-style": "none",
        "input-selection-background": "#0b5c76 25%",
        "scrollbar": "#cfcac0",
        "scrollbar-hover": "#b9b3a7",
        "scrollbar-active": "#a59e90",
        "scrollbar-background": "#fbfaf7",
        "scrollbar-background-hover": "#fbfaf7",
        "scrollbar-background-active": "#fbfaf7",
        "quiet": "#565f68",
        "hairline": "#dedad1",
        "mark": "#e3edf0",
        "mark-strong": "#bcdbe5",
    },
)

# What the style sheet needs beyond Textual's own variables, for themes that are not ours.
DEFAULTS = {"quiet": "#8a939c", "hairline": "#80808040", "mark": "#80808040", "mark-strong": "#80808080"}


def usable(name: str, *, no_color: bool) -> str:
    """The theme to start with: `name` where there is one; never an ANSI one under NO_COLOR (black on black)."""
    known = {DARK.name: DARK, LIGHT.name: LIGHT, **BUILTIN_THEMES}
    theme = known.get(name, DARK)
    return DARK.name if theme.ansi and no_color else theme.name

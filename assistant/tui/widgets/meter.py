"""The line under an answer: how many of its sentences have each verdict, and how it came to them."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.geometry import Size
from textual.visual import VisualType
from textual.widgets import Static

_APART = "  "


class Meter(Static):
    """One line where there is room; else it breaks between its parts and never inside one."""

    def show(self, parts: Sequence[tuple[str, str]]) -> None:
        """Show these parts, each with its colour."""
        self._parts = [Content.styled(*part) for part in parts]
        self.update(Content(_APART).join(self._parts))

    def render(self) -> VisualType:
        """In lines of the width that there is."""
        return self._folded(self.content_size.width)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many lines as it takes."""
        return self._folded(width).plain.count("\n") + 1

    def _folded(self, width: int) -> Content:
        lines: list[Content] = []
        for part in self._parts:
            if lines and lines[-1].cell_length + len(_APART) + part.cell_length <= width:
                lines[-1] = Content(_APART).join([lines[-1], part])
            else:
                lines.append(part)
        return Content("\n").join(lines)

    _parts: Sequence[Content] = ()

"""An answer's Markdown as HTML in which only its citations are links; all else that a model wrote stays what it says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from markdown_it import MarkdownIt
from markupsafe import Markup, escape

from ingest.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from markdown_it.renderer import RendererHTML
    from markdown_it.rules_inline import StateInline
    from markdown_it.token import Token
    from markdown_it.utils import EnvType, OptionsDict

    from assistant.answering.answer import Sentence

    Html = Callable[[int], Markup | None]

_CITATION = re.compile(r"\[(\d{1,4})\](?!\()")
# Stands in the text where a sentence ends: “{”, at which the parser looks up, then the number between private characters.
MARK = re.compile("\\{\ue000(\\d+)\ue001")
_PRIVATE = str.maketrans("", "", "\ue000\ue001")
_NO_RULES = ["link", "image", "autolink", "html_inline", "html_block", "reference"]


def to_html(text: str, sentences: Sequence[Sentence], citation: Html, verdict: Html) -> Markup:
    """Render an answer's text.

    Args:
        text: the answer's Markdown.
        sentences: its sentences; after each whose place is known stands its verdict.
        citation: source number → what `[n]` becomes; None for a number that is no source.
        verdict: number of a sentence, from 0 → what stands after it.
    """
    parser = _parser()
    parser.inline.ruler.before("escape", "citation", _rule(_CITATION, citation))
    parser.inline.ruler.before("escape", "verdict", _rule(MARK, verdict))
    return Markup(parser.render(printable(marked(text, sentences))))  # noqa: S704 — markdown-it escapes all text


def line_to_html(text: str) -> Markup:
    """Render one sentence of an answer: its emphasis, and nothing that stands on lines of its own."""
    return Markup(_parser().renderInline(printable(text)))  # noqa: S704 — markdown-it escapes all text


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).disable(_NO_RULES)
    parser.add_render_rule("code_inline", _code)
    for block in ("code_block", "fence"):
        parser.add_render_rule(block, _code_block)
    return parser


def marked(text: str, sentences: Sequence[Sentence]) -> str:
    """The text with a mark where each sentence ends; in a table before the bar that ends the row."""
    ends = [(sentence.place[1], number) for number, sentence in enumerate(sentences) if sentence.place]
    parts, last = [], 0
    for end, number in sorted(ends):
        piece = text[last:end].translate(_PRIVATE)
        bare = re.sub(r"[\s|]+\Z", "", piece)
        parts += [bare, f"{{\ue000{number}\ue001", piece[len(bare) :]]
        last = end
    return "".join((*parts, text[last:].translate(_PRIVATE)))


def _rule(pattern: re.Pattern[str], html: Html) -> Callable[[StateInline, bool], bool]:
    def rule(state: StateInline, silent: bool) -> bool:
        match = pattern.match(state.src, state.pos, state.posMax)
        made = html(int(match[1])) if match else None
        if match is None or made is None:
            return False
        if not silent:
            state.push("html_inline", "", 0).content = str(made)
        state.pos = match.end()
        return True

    return rule


def _code(_: RendererHTML, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType) -> str:
    return f"<code>{escape(MARK.sub('', tokens[at].content))}</code>"


def _code_block(_: RendererHTML, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType) -> str:
    return f"<pre><code>{escape(MARK.sub('', tokens[at].content))}</code></pre>\n"

"""One turn: the question, and its answer as it streams, ends, fails or is stopped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Static
from textual.widgets.markdown import MarkdownStream

from assistant.tui import describe, verdicts
from assistant.tui.widgets.cited_markdown import CitedMarkdown
from assistant.tui.widgets.meter import Meter
from ingest.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assistant.answering.answer import Answer, Retrieved, Sentence, Source
    from assistant.answering.found import Found
    from configs.errors import CitewellError

# Often enough to look like writing; a write for each token would cost two to four times the CPU.
_FLUSH_SECONDS = 0.1


class AnswerView(Vertical):
    """A question and its answer. The app tells it what happens; it says back which citation was opened."""

    @dataclass
    class CitationOpened(Message):
        """The reader wants to see source `n` of this answer."""

        view: AnswerView
        n: int
        row: int
        sentence: int | None = None
        """Which of the answer's sentences cites it there, from 0."""

    def __init__(self, question: str, answer: Answer | None = None) -> None:
        super().__init__()
        self.question = question
        self.answer = answer
        self.sources: tuple[Source, ...] = answer.sources if answer else ()
        self.found: Found | None = None
        """The search behind it; None for an answer of an earlier run."""
        self._stream: MarkdownStream | None = None
        self._timer: Timer | None = None
        self._waiting: list[str] = []
        self._streamed: list[str] = []

    @property
    def text(self) -> str:
        """What is shown of the answer."""
        return self.answer.text if self.answer else "".join(self._streamed)

    @property
    def markdown(self) -> CitedMarkdown:
        """The answer's text."""
        return self.query_one(CitedMarkdown)

    @property
    def notes(self) -> Static:
        """What is amiss with it, under it."""
        return self.query_one(".notes", Static)

    def compose(self) -> ComposeResult:
        """Question, what it was searched for, what kind of answer it is, its text, its meter, and what is amiss."""
        yield Static(Content(printable(self.question)), classes="question")
        yield Static(classes="searched")
        yield Static(classes="emergency")
        yield Static(Content("Verbatim quotes from the corpus"), classes="kind")
        yield CitedMarkdown("", [source.n for source in self.sources])
        yield Meter(classes="meter")
        yield Static(classes="notes")
        yield Static(classes="why")

    async def on_mount(self) -> None:
        """A reopened answer is whole at once."""
        if self.answer is not None:
            self.caution(self.answer.emergency)
            await self.finish(self.answer)

    def caution(self, emergency: str) -> None:
        """The line for whoever is in danger, above all else."""
        self.set_class(bool(emergency), "-emergency")
        self.query_one(".emergency", Static).update(Content(printable(emergency)))

    def retrieved(self, event: Retrieved) -> None:
        """The passages are known: citations may now become links."""
        self.sources, self.found = event.sources, event.found
        self.markdown.known = frozenset(source.n for source in event.sources)
        self._searched(event.question)
        self._note(*event.warnings)

    def toggle_why(self) -> None:
        """Show how each source came to its number, or hide it again."""
        if self.found is not None and not self.has_class("-why"):
            self.query_one(".why", Static).update(
                Content(printable("\n".join(describe.why(self.found, len(self.sources)))))
            )
            self.call_after_refresh(self.query_one(".why").scroll_visible, animate=False)
        self.toggle_class("-why")

    def token(self, text: str) -> None:
        """Take the next piece; it shows within a tenth of a second."""
        self._streamed.append(text)
        self._waiting.append(text)
        if self._timer is None:
            self._timer = self.set_interval(_FLUSH_SECONDS, self._flush)

    async def finish(self, answer: Answer) -> None:
        """The answer is whole and checked: its text replaces what streamed."""
        self.answer, self.sources = answer, answer.sources
        self.markdown.known = frozenset(source.n for source in answer.sources)
        await self._settle(answer.text, answer.sentences)
        self._label(answer)

    async def fail(self, error: CitewellError, partial: str) -> None:
        """Say what went wrong; keep what came."""
        await self._settle(partial or self.text)
        lines = [error.what[:1].upper() + error.what[1:], error.where, error.fix]
        self._note(
            *(line for line in lines if line), *(["What came before is unchecked."] if self.text or partial else [])
        )
        self.add_class("-failed")

    async def stop(self) -> None:
        """The reader stopped it: keep what came, marked."""
        await self._settle(self.text)
        self._note(describe.STOPPED if self.text else "Stopped.")
        self.add_class("-stopped")

    async def on_unmount(self) -> None:
        """A stream that still runs ends with its widget."""
        await self._end_stream()

    def on_cited_markdown_opened(self, event: CitedMarkdown.Opened) -> None:
        """Say which answer the citation belongs to."""
        event.stop()
        self.post_message(self.CitationOpened(self, event.n, event.row, event.sentence))

    async def _flush(self) -> None:
        if self._waiting:
            text = printable("".join(self._waiting))
            self._waiting.clear()
            # Made here and not before, since a stream that is stopped before its first write cancels its caller.
            self._stream = self._stream or CitedMarkdown.get_stream(self.markdown)
            await self._stream.write(text)

    async def _end_stream(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        if self._stream is not None:
            stream, self._stream = self._stream, None
            await stream.stop()

    async def _settle(self, text: str, sentences: Sequence[Sentence] = ()) -> None:
        self._waiting.clear()
        await self._end_stream()
        await self.markdown.settle(text, sentences)

    def _label(self, answer: Answer) -> None:
        self.set_class(describe.STOPPED in answer.warnings, "-stopped")
        self.set_class(verdicts.abstained(answer), "-abstained")
        self.set_class(answer.status == "answered" and answer.mode == "quotes", "-quotes")
        self._searched(answer.standalone)
        parts = verdicts.meter(answer)
        self.set_class(bool(parts), "-has-meter")
        self.query_one(Meter).show(parts)
        doubts = [
            Content.styled(printable(line), "" if verdict == "partly" else verdicts.INK[verdict])
            for verdict, line in verdicts.doubts(answer)
        ]
        otherwise = [Content.styled(printable(line), "$warning") for line in verdicts.disagreements(answer)]
        flagged = [Content.styled(printable(line), "$error") for line in verdicts.flagged(answer)]
        self._note(*flagged, *doubts, *otherwise, *answer.warnings, *verdicts.withheld(answer))

    def _searched(self, standalone: str) -> None:
        """What a follow-up was searched for, where that is not what was asked."""
        told = standalone if standalone != self.question else ""
        self.set_class(bool(told), "-searched")
        self.query_one(".searched", Static).update(Content(printable(f"Searched for: {told}  (F4 edits)")))

    def _note(self, *lines: str | Content) -> None:
        self.set_class(bool(lines), "-has-notes")
        self.notes.update(
            Content("\n").join(line if isinstance(line, Content) else Content(printable(line)) for line in lines)
        )

"""What is said when the corpus does not answer: what was searched, for what, and that the nearest passages follow."""

from __future__ import annotations

import re

from assistant.answering.answer import Answer
from ingest.index.base import Counts

# What prompts/answer.md tells the model to reply; some put a marker or an excuse behind it.
_REFUSAL = re.compile(r"\W*NOT IN CORPUS\b", re.IGNORECASE)
UNESTIMATED = "The index was made anew while this was written: how well it speaks to the question was not estimated."
_CHINESE = re.compile(r"[\u3400-\u9fff]")


def refused(reply: str) -> bool:
    """Whether the model replied that the passages do not answer."""
    return _REFUSAL.match(reply) is not None


def unanswered(answer: Answer, held: Counts) -> str:
    """That the corpus does not answer, in the question's language; `held` is what was searched."""
    if _CHINESE.search(answer.question):
        scope = f"，按 {answer.filter} 筛选" if answer.filter else ""
        words = f"，检索的问题是“{answer.standalone}”" if answer.standalone else ""
        near = "最接近的段落列出如下，供自行判断。" if answer.sources else "没有找到相近的段落。"
        return (
            f"语料库（索引 {answer.index}）没有回答这个问题。"
            f"已检索 {held.documents:,} 篇文献的 {held.passages:,} 个段落{scope}{words}。{near}"
        )
    scope = f" that pass the filter {answer.filter}" if answer.filter else ""
    words = f", for “{answer.standalone}”" if answer.standalone else ""
    near = "The nearest passages are listed for your own judgment." if answer.sources else "No passage came near it."
    return (
        f"The corpus (index {answer.index}) does not answer this. "
        f"Searched: {_counted(held.passages, 'passage')} of {_counted(held.documents, 'document')}{scope}{words}. {near}"
    )


def unusable(question: str) -> str:
    """That it was the model that failed, in the question's language: what the corpus holds is then not known."""
    if _CHINESE.search(question):
        return "模型没有给出有语料库依据的回答；最接近的段落列出如下，供自行判断。"
    return "The model gave no answer that rests on the corpus; the nearest passages are listed for your own judgment."


def doubtful(probability: float) -> str:
    """The warning beside a model's answer for which the passages hold hardly anything."""
    return (
        f"Little in the corpus speaks to this question: that the passages answer it is put at {probability:.0%}. "
        "Read the sources before you rely on the answer."
    )


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"

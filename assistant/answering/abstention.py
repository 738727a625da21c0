"""What is said when the corpus does not answer."""

from __future__ import annotations

import re

# What prompts/answer.md tells the model to reply; some put a marker or an excuse behind it.
_REFUSAL = re.compile(r"\W*NOT IN CORPUS\b", re.IGNORECASE)
_CHINESE = re.compile(r"[\u3400-\u9fff]")


def refused(reply: str) -> bool:
    """Whether the model replied that the passages do not answer."""
    return _REFUSAL.match(reply) is not None


def message(question: str, index: str, *, near: bool, unusable: bool = False) -> str:
    """The abstention, in the question's language: what was searched, and whether near passages follow.

    `unusable` where it was the model that failed: what the corpus holds is then not known.
    """
    if unusable and _CHINESE.search(question):
        return "模型没有给出有语料库依据的回答；最接近的段落列出如下，供自行判断。"
    if unusable:
        return (
            "The model gave no answer that rests on the corpus; the nearest passages are listed for your own judgment."
        )
    if _CHINESE.search(question):
        return f"语料库（索引 {index}）没有回答这个问题。" + (
            "最接近的段落列出如下，供自行判断。" if near else "没有找到相近的段落。"
        )
    rest = "The nearest passages are listed for your own judgment." if near else "No passage came near it."
    return f"The corpus (index {index}) does not answer this. {rest}"

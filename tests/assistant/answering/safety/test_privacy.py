"""A question that seems to name a patient is not sent to another machine without a word."""

from __future__ import annotations

import pytest

from assistant.answering.answer import Cautioned, Failed
from assistant.answering.safety import privacy
from configs.errors import PrivacyBlocked
from tests.assistant.answering.examples import events
from tests.conftest import SettingsFactory

NAMED = {
    "Patient John Smith, DOB 12/03/1961, has CKD": ("a date of birth", "a name"),
    "my email is jane.doe@example.com": ("an e-mail address",),
    "call me at 555-123-4567": ("a telephone number",),
    "phone: +44 20 7946 0958": ("a telephone number",),
    "MRN 00482913 with sepsis, which antibiotic?": ("a record or insurance number",),
    "Mrs. Robinson has diabetes": ("a name",),
    "NHS number 943 476 5919": ("an NHS number",),
    "SSN 123-45-6789": ("a social security number",),
    "he lives at 12 Baker Street": ("an address",),
    "The patient, born 1950-03-03, has asthma": ("a date of birth",),
    "患者姓名：王小明，高血压": ("a name",),
    "身份证 11010519491231002X 怎么办": ("a Chinese identity number",),
    "电话13812345678": ("a telephone number",),
    "住院号 1234567": ("a record or insurance number",),
    "出生日期：1961年3月12日": ("a date of birth",),
}
AWAY = {"generation.url": "https://llm.example.org/v1"}
QUESTION = "Patient John Smith, DOB 12/03/1961: may he take metformin?"


@pytest.mark.parametrize(("question", "kinds"), NAMED.items())
def test_identifiers_are_found_by_kind(question: str, kinds: tuple[str, ...]) -> None:
    """The usual forms of what names a patient are seen, in English and in Chinese."""
    assert set(kinds) <= set(privacy.identifiers(question))


def test_questions_that_name_nobody_are_left_alone(real_questions: list[str]) -> None:
    """Of 2,309 real questions hardly one is held up: a warning that always comes is a warning unread."""
    held = [question for question in real_questions if privacy.identifiers(question)]
    assert len(real_questions) > 2_000
    assert len(held) <= len(real_questions) // 500, held


def test_what_stays_on_this_machine_needs_no_warning(settings: SettingsFactory) -> None:
    """Nothing is said where every server is this machine's own, or where the reader does not want to hear it."""
    assert privacy.concern(QUESTION, settings()) is None
    for url in ("http://localhost:8000/v1", "http://127.0.0.2:1/v1", "http://[::1]:8000/v1"):
        assert privacy.concern(QUESTION, settings({"generation.url": url})) is None
    assert privacy.concern(QUESTION, settings({**AWAY, "privacy": "off"})) is None


@pytest.mark.parametrize(
    "flags",
    [
        AWAY,
        {"embedding.provider": "openai", "embedding.url": "http://llm.example.org:30000/v1"},
        {"rerank.provider": "server", "rerank.url": "http://llm.example.org:30002/v1"},
        {"generation.url": "http://localhost.llm.example.org/v1"},
    ],
)
def test_every_server_that_reads_the_question_counts(flags: dict[str, str], settings: SettingsFactory) -> None:
    """Model, embedder and reranker all get the question's words, so each of them is named."""
    concern = privacy.concern(QUESTION, settings(flags))
    assert concern is not None
    assert any("llm.example.org" in host for host in concern.hosts)


def test_the_warning_names_kinds_and_never_repeats_the_patient(settings: SettingsFactory) -> None:
    """The warning itself may be logged: it says what kind of thing was seen and where it would go, no more."""
    said = str(privacy.concern(QUESTION, settings(AWAY)))
    assert said == "the question seems to hold a date of birth and a name and would be sent to llm.example.org"


async def test_block_sends_nothing(filled: SettingsFactory) -> None:
    """With `privacy = block` the question ends as an error before any server is spoken to."""
    (failed,) = await events(filled({**AWAY, "privacy": "block"}), QUESTION)
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, PrivacyBlocked)
    assert "nothing was sent" in failed.error.what
    assert "Smith" not in str(failed.error)


async def test_warn_says_so_before_it_sends(filled: SettingsFactory) -> None:
    """The warning is the first event; what follows is the attempt to reach the server."""
    first, *_ = await events(filled({**AWAY, "generation.url": "http://llm.invalid/v1"}), QUESTION)
    assert isinstance(first, Cautioned)
    assert "llm.invalid" in first.concern

"""Prompts and instructions: templates stay templates, values stay values."""

from __future__ import annotations

from pathlib import Path

import pytest

from configs.errors import SettingsError
from configs.loading import PROFILES
from configs.loading import load as load_settings
from prompts import library
from prompts.library import Prompt


def test_values_are_never_templates() -> None:
    """A passage that holds `{{question}}` stays as it is: text of documents cannot reach into the prompt."""
    prompt = Prompt("p", "Q: {{question}}\nP: {{ passages }} {done}")
    filled = prompt.fill(question="{{passages}} }} {{", passages="{{question}}")
    assert filled == "Q: {{passages}} }} {{\nP: {{question}} {done}"


def test_a_missing_value_is_an_error() -> None:
    """A prompt is never sent with a hole in it."""
    with pytest.raises(KeyError):
        Prompt("p", "{{question}}").fill(passages="x")


def test_the_hash_follows_the_text() -> None:
    """A transcript can tell two versions of a prompt apart, and the same one across machines."""
    assert Prompt("p", "a").hash == Prompt("q", "a").hash == "ca978112ca1bbdca"
    assert Prompt("p", "a").hash != Prompt("p", "a ").hash


@pytest.mark.parametrize("name", ["answer", "condense"])
def test_the_prompts_there_are_can_be_loaded(name: str) -> None:
    """The templates travel with the package."""
    assert library.load(name).text.strip()


def test_a_query_keeps_the_form_the_model_was_trained_on() -> None:
    """Qwen3-Embedding's card: the task, a line break, `Query:` and the question without a space."""
    asked = library.instruction("treatment").query("Does aspirin help?")
    assert asked.startswith("Instruct: Given a clinical question about treatment")
    assert asked.endswith("\nQuery:Does aspirin help?")
    assert library.instruction("none").query("Does aspirin help?") == "Does aspirin help?"


@pytest.mark.parametrize(
    "domain", ["literature", "symptoms", "diagnosis", "treatment", "drug-safety", "patient", "chinese"]
)
def test_every_domain_has_a_task_and_a_prefix(domain: str) -> None:
    """All the domains that are promised are there and filled in."""
    instruction = library.instruction(domain)
    assert instruction.task
    assert instruction.document_prefix


def test_an_unknown_domain_lists_the_known() -> None:
    """A misspelt domain is refused with the list of those there are."""
    with pytest.raises(SettingsError, match="cardiology") as caught:
        library.instruction("cardiology")
    assert all(domain in caught.value.fix for domain in library.instructions())


@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_names_a_known_domain(profile: str) -> None:
    """No profile can fail for its own domain."""
    library.instruction(load_settings(profile).settings.embedding.domain)


@pytest.fixture
def own_instructions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the user's instructions.toml would stand."""
    (tmp_path / "config.toml").touch()
    monkeypatch.setenv("CITEWELL_CONFIG", str(tmp_path / "config.toml"))
    return tmp_path / "instructions.toml"


def test_users_add_their_own_domains(own_instructions: Path) -> None:
    """They stand beside the built-in ones, and are used in the same form."""
    own_instructions.write_text(
        '["肿瘤"]\ntask = " Given a tumour, retrieve trials "\ndocument_prefix = "Oncology: "\n', "utf-8"
    )
    assert library.instruction("肿瘤").query("Which?") == "Instruct: Given a tumour, retrieve trials\nQuery:Which?"
    assert library.instruction("肿瘤").document_prefix == "Oncology: "
    assert library.instruction("literature") == library.instructions()["literature"]


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("[oncology", "not valid TOML"),
        ("[oncology]", "has no task"),
        ("oncology = 5", "has no task"),
        ('[literature]\ntask = "x"', "is built in already"),
        ('["two words"]\ntask = "x"', "no name for a domain"),
        ('[oncology]\ntask = "x"\nprefix = "y"', "unknown key “prefix”"),
        ('[oncology]\ntask = "x\\ny"', "several lines"),
        ('[oncology]\ntask = "x"\ndocument_prefix = 5', "no text"),
    ],
)
def test_a_mistake_in_the_users_domains_is_told_with_its_place(own_instructions: Path, written: str, told: str) -> None:
    """File, section and what is wrong; a question never goes out with half an instruction."""
    own_instructions.write_text(written, "utf-8")
    with pytest.raises(SettingsError, match=told) as caught:
        library.instruction("oncology")
    assert caught.value.where == str(own_instructions)


@pytest.mark.parametrize("domain", ["medical", "legal", "finance", "engineering", "code"])
def test_every_domain_of_terms_has_a_task_and_a_template(domain: str) -> None:
    """The person's own list: a word of two trades (“stroke”) is put into the words of one of them."""
    form = library.term_form(domain)
    assert form.task
    assert form.sent("stroke").startswith("stroke, in ")
    assert library.term_form("none").sent("{{term}} $1") == "{{term}} $1"


def test_users_add_their_own_domains_of_terms(own_instructions: Path) -> None:
    """In terms.toml beside their settings, by the rules of instructions.toml; the template is theirs to leave out."""
    file = own_instructions.with_name("terms.toml")
    file.write_text('[cardiology]\ntask = "Find equals"\n[eye]\ntask = "x"\ntemplate = "eye: {{term}}"\n', "utf-8")
    assert library.term_form("cardiology").sent("MI") == "MI"
    assert library.term_form("eye").sent("MI") == "eye: MI"
    assert list(library.term_forms())[-2:] == ["cardiology", "eye"]
    with pytest.raises(SettingsError, match="pathology") as caught:
        library.term_form("pathology")
    assert "cardiology" in caught.value.fix
    assert str(file) in caught.value.fix


@pytest.mark.parametrize(
    "template", ["no place", "{{term}} and {{term}}", "{{word}}", "{term}", "{{term", "{{term}} {{x"]
)
def test_a_template_needs_its_place_for_the_term(own_instructions: Path, template: str) -> None:
    """Else every term would be sent as the same text, or not at all."""
    own_instructions.with_name("terms.toml").write_text(f'[eye]\ntask = "x"\ntemplate = "{template}"\n', "utf-8")
    with pytest.raises(SettingsError, match=r"does not hold .*term.* once"):
        library.term_form("eye")

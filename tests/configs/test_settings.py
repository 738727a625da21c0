"""Settings: where values come from, what is refused, and what a refusal tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from configs.errors import SettingsError
from configs.loading import PROFILES, Loaded, load

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def user_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Write the user's settings file, readable by its owner alone."""
    path = tmp_path / "config.toml"
    monkeypatch.setenv("CITEWELL_CONFIG", str(path))

    def write(text: str) -> Path:
        path.write_text(text, "utf-8")
        path.chmod(0o600)
        return path

    return write


@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_loads(profile: str) -> None:
    """Each built-in profile is valid, and says so in the settings."""
    assert load(profile).settings.profile == profile


def test_quickstart_needs_nothing() -> None:
    """A fresh machine gets an embedded index, lexical search and quotes, with nothing to start."""
    settings = load().settings
    assert (settings.index.home, settings.embedding.provider, settings.generation.url) == ("embedded", "none", None)


def test_each_source_outranks_the_one_below(user_file: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Profile < user file < environment < flag, and the origin of each value is told."""
    path = user_file('[embedding]\nmodel = "file"\ndomain = "patient"\ndimensions = 256\n')
    monkeypatch.setenv("CITEWELL_EMBEDDING__MODEL", "environment")
    monkeypatch.setenv("CITEWELL_EMBEDDING__DOMAIN", "treatment")
    loaded = load("sglang", {"embedding.model": "flag"})
    embedding = loaded.settings.embedding
    assert (embedding.provider, embedding.dimensions, embedding.domain, embedding.model) == (
        "openai",
        256,
        "treatment",
        "flag",
    )
    origins = {key: origin for key, _, origin in loaded.rows()}
    assert origins["embedding.provider"] == "profile sglang"
    assert origins["embedding.dimensions"] == str(path)
    assert origins["embedding.domain"] == "environment"
    assert origins["embedding.model"] == "flag"
    assert origins["embedding.timeout"] == "default"


def test_the_profile_itself_can_come_from_each_source(
    user_file: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user file names a profile, the environment outranks it, the flag outranks both; each is told as its origin."""

    def named(loaded: Loaded) -> tuple[str, str]:
        ((name, origin),) = [(value, origin) for key, value, origin in loaded.rows() if key == "profile"]
        assert loaded.settings.profile == name
        return name, origin

    user_file("")
    assert named(load()) == ("quickstart", "default")
    path = user_file('profile = "local"\n')
    assert named(load()) == ("local", str(path))
    monkeypatch.setenv("CITEWELL_PROFILE", "cluster")
    assert named(load()) == ("cluster", "environment")
    assert named(load(flags={"profile": "local"})) == ("local", "flag")
    assert named(load("sglang")) == ("sglang", "flag")


@pytest.mark.parametrize("name", ["CITEWELL_PROFILES", "CITEWELL_CONFIG_DIR"])
def test_a_name_that_only_begins_like_one_of_ours_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slip in the variable that names profile or file is told as any other; only tests may make up names."""
    monkeypatch.setenv("CITEWELL_TEST_ANYTHING", "x")
    load()
    monkeypatch.setenv(name, "x")
    with pytest.raises(SettingsError, match=name) as caught:
        load()
    assert caught.value.fix.startswith(f"Did you mean {name.removesuffix('S').removesuffix('_DIR')}")


def test_a_blank_address_is_no_model_and_elsewhere_an_error() -> None:
    """`--set generation.url=` goes back to quotes; a server that must be somewhere needs its address."""
    assert load("sglang", {"generation.url": " "}).settings.generation.url is None
    for key in ("embedding.url", "index.url"):
        with pytest.raises(SettingsError, match="may not be blank") as caught:
            load(flags={key: ""})
        assert key in caught.value.what


def test_only_a_flag_is_wrong_usage(user_file: Callable[[str], Path]) -> None:
    """A script tells a slip on its own command line from a machine that is set up wrongly."""
    user_file("")
    with pytest.raises(SettingsError) as caught:
        load(flags={"retrieval.limit": "many"})
    assert caught.value.usage
    user_file('[retrieval]\nlimit = "many"\n')
    with pytest.raises(SettingsError) as caught:
        load()
    assert not caught.value.usage


def test_a_section_can_be_set_whole_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """`CITEWELL_INDEX` takes a JSON object, as pydantic-settings promises; single keys still outrank it."""
    monkeypatch.setenv("CITEWELL_INDEX", '{"name": "trials", "timeout": 3}')
    monkeypatch.setenv("CITEWELL_INDEX__TIMEOUT", "4")
    index = load().settings.index
    assert (index.name, index.timeout) == ("trials", 4)


@pytest.mark.parametrize(
    ("source", "key", "nearest"),
    [
        ("file", "embedding.modle", "embedding.model"),
        ("environment", "CITEWELL_EMBEDDING__MODLE", "CITEWELL_EMBEDDING__MODEL"),
        ("flag", "retreival.limit", "retrieval.limit"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_known_one(
    source: str, key: str, nearest: str, user_file: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A typo is told, wherever it stands, instead of being ignored."""
    flags: dict[str, Any] = {}
    if source == "file":
        user_file('[embedding]\nmodle = "x"\n')
    else:
        user_file("")
    if source == "environment":
        monkeypatch.setenv(key, "x")
    if source == "flag":
        flags[key] = "3"
    with pytest.raises(SettingsError) as caught:
        load(flags=flags)
    assert key in caught.value.what
    assert caught.value.fix == f"Did you mean {nearest}?"


def test_a_hopeless_key_points_to_the_list() -> None:
    """Where nothing is near, the message says where all settings are listed."""
    with pytest.raises(SettingsError, match="zzzz") as caught:
        load(flags={"zzzz": 1})
    assert "citewell config show" in caught.value.fix


def test_an_unknown_profile_names_those_there_are() -> None:
    """So does a misspelt profile."""
    with pytest.raises(SettingsError, match="fast") as caught:
        load("fast")
    assert all(profile in caught.value.fix for profile in PROFILES)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("chunking.size", "many"),
        ("chunking.size", 3),
        ("index.home", "cloud"),
        ("embedding.concurrency", 0),
        ("retrieval.dense_weight", 1.5),
        ("index.timeout", -1),
        ("serve.embedding.port", 70_000),
    ],
)
def test_a_bad_value_names_its_key_and_origin(key: str, value: Any) -> None:
    """A value of the wrong type or out of range is told with its key and where it was set."""
    with pytest.raises(SettingsError) as caught:
        load(flags={key: value})
    assert key in caught.value.what
    assert caught.value.where == "flag"


def test_a_size_is_a_number_or_a_word() -> None:
    """`chunking.size` takes "whole"; a slip in that word is told in our words, not in the validator's."""
    assert (
        load(flags={"chunking.size": " Whole"}).settings.chunking.size
        == load(flags={"chunking.size": "24576"}).settings.chunking.size
    )
    with pytest.raises(SettingsError) as caught:
        load(flags={"chunking.size": "wole"})
    assert caught.value.what.startswith('chunking.size: a number of tokens is needed, or "whole"')


def test_an_overlap_as_large_as_the_passage_is_refused_at_once() -> None:
    """It is told when the settings load, not when the first long document comes along."""
    with pytest.raises(SettingsError, match="overlap"):
        load(flags={"chunking.size": 64, "chunking.overlap": 64})


@pytest.mark.parametrize("source", ["file", "environment", "flag"])
def test_a_value_in_the_place_of_a_section_is_told(
    source: str, user_file: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`index = "x"` where a section is meant gives an example of what can be set, not a traceback."""
    user_file('index = "x"\n' if source == "file" else "")
    if source == "environment":
        monkeypatch.setenv("CITEWELL_INDEX", "x")
    with pytest.raises(SettingsError, match=r"(?i)index"):
        load(flags={"index": "x", "index.name": "y"} if source == "flag" else {})


def test_secrets_are_masked() -> None:
    """`config show` never prints an API key."""
    loaded = load(flags={"embedding.api_key": "sk-secret", "index.api_key": "qd-secret"})
    shown = " ".join(str(value) for _, value, _ in loaded.rows())
    assert "sk-secret" not in shown
    assert "qd-secret" not in shown
    assert "sk-secret" not in repr(loaded.settings)


def test_an_address_with_a_password_is_refused() -> None:
    """Addresses are shown in errors and in `config show`: a password in one would be too."""
    with pytest.raises(SettingsError) as caught:
        load(flags={"generation.url": "http://user:pw-secret@example.org/v1"})
    assert "api_key" in str(caught.value)
    assert "pw-secret" not in str(caught.value)


def test_a_key_that_others_can_read_is_refused(user_file: Callable[[str], Path]) -> None:
    """A settings file with an API key must be its owner's alone; the message is the command that mends it."""
    path = user_file('[generation]\napi_key = "sk-secret"\n')
    path.chmod(0o644)
    with pytest.raises(SettingsError) as caught:
        load()
    assert caught.value.fix == f"chmod 600 {path}"
    assert "secret" not in str(caught.value)
    path.chmod(0o600)
    key = load().settings.generation.api_key
    assert key is not None
    assert key.get_secret_value() == "sk-secret"


@pytest.mark.parametrize("content", [b"[index\n", b"name = \xff\xfe\n"])
def test_a_file_that_is_no_toml_is_named(content: bytes, user_file: Callable[[str], Path]) -> None:
    """A broken settings file is told by its name."""
    path = user_file("")
    path.write_bytes(content)
    with pytest.raises(SettingsError, match="TOML") as caught:
        load()
    assert caught.value.where == str(path)


def test_a_named_file_must_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that `CITEWELL_CONFIG` names and that is not there is told; the default one may be missing."""
    load()
    monkeypatch.setenv("CITEWELL_CONFIG", str(tmp_path / "missing.toml"))
    with pytest.raises(SettingsError, match="no such settings file"):
        load()


def test_one_key_of_a_served_model_can_be_set_alone() -> None:
    """A person who only moves a port keeps the model that the profile serves there."""
    served = load("sglang", {"serve.embedding.port": 31000}).settings.serve.embedding
    assert (served.port, served.model) == (31000, "Qwen/Qwen3-Embedding-0.6B")


def test_home_is_expanded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`data_dir = "~/citewell"` means the home folder, not one called `~`."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load(flags={"data_dir": "~/citewell"}).settings.data_dir == tmp_path / "citewell"

"""`citewell config show`: every setting, where it came from, and no secret."""

from __future__ import annotations

import json

from tests.assistant.commands.conftest import Called, Home, told


def test_every_value_tells_its_origin_and_secrets_are_masked(home: Home) -> None:
    """Profile < file < environment < flag, each named; a key is never printed."""
    config = home.folder / "config" / "citewell" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(
        'profile = "sglang"\n[retrieval]\nlimit = 5\ncandidates = 50\n[index]\napi_key = "sk-file"\n', "utf-8"
    )
    config.chmod(0o600)
    environment = {"CITEWELL_RETRIEVAL__CANDIDATES": "60", "CITEWELL_GENERATION__API_KEY": "sk-environment"}
    ran = home.run("config", "show", "--json", "--set", "retrieval.dense_weight=0.5", "--index", "x", **environment)
    assert ran.returncode == 0
    rows = json.loads(ran.stdout)
    assert rows["profile"] == ["sglang", str(config)]
    assert rows["retrieval.limit"] == [5, str(config)]
    assert rows["retrieval.candidates"] == [60, "environment"]
    assert rows["retrieval.dense_weight"] == [0.5, "flag"]
    assert rows["index.name"] == ["x", "flag"]
    assert rows["embedding.provider"] == ["openai", "profile sglang"]
    assert rows["chunking.size"] == [512, "default"]
    assert rows["generation.api_key"] == ["**********", "environment"]
    plain = home.run("config", "show", **environment)
    assert "generation.api_key" in plain.stdout
    assert str(config) in plain.stdout
    assert "sk-" not in ran.stdout + ran.stderr + plain.stdout + plain.stderr


def test_an_unknown_setting_is_refused_with_the_nearest_wherever_it_stands(home: Home, called: Called) -> None:
    """A typing error in flag, environment or file never passes for a setting."""
    told(called(home, "search", "--set", "retrieval.limt=3", "x"), 2, "retrieval.limt", "Did you mean retrieval.limit?")
    told(
        called(home, "config", "show", CITEWELL_GENERATION__MODL="x"),
        1,
        "CITEWELL_GENERATION__MODL",
        "Did you mean CITEWELL_GENERATION__MODEL?",
    )
    told(called(home, "search", "--set", "retrieval.limit", "x"), 2, "KEY=VALUE")
    told(called(home, "search", "--set", "retrieval.limit=many", "x"), 2, "retrieval.limit", "integer")
    config = home.folder / "config.toml"
    config.write_text("[retreival]\nlimit = 3\n", "utf-8")
    told(called(home, "config", "show", CITEWELL_CONFIG=str(config)), 1, str(config), "retreival", "retrieval")

"""What the command line says of a Qdrant server's key, and of Ray, before anything is done."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.commands.cli import run

_SERVER = ["--set", "index.home=server", "--set", "index.api_key=qd-secret"]


@pytest.mark.parametrize(("url", "noted"), [("http://10.255.255.1:1", True), ("http://127.0.0.1:1", False)])
def test_a_key_that_goes_unencrypted_is_told(url: str, noted: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """By every command that may send it, without the key itself; not on this machine."""
    run(["index", "list", *_SERVER, "--set", f"index.url={url}", "--set", "index.timeout=1"])
    said = capsys.readouterr().err
    assert (f"the Qdrant API key goes unencrypted to {url}" in said) is noted
    assert "qd-secret" not in said


@pytest.mark.parametrize("flag", ["--prune", "--dry-run", "--strict", "--rebuild", "--refresh"])
def test_ray_says_what_it_does_not_do(flag: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is done by half."""
    assert run(["ingest", str(tmp_path), "--engine", "ray", flag]) == 2
    assert "--engine ray takes no" in capsys.readouterr().err


def test_ray_and_an_embedded_index_do_not_go_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The message says what to set."""
    assert run(["ingest", str(tmp_path), "--engine", "ray"]) == 2
    assert "index.home=server" in capsys.readouterr().err

"""Fixtures everyone shares: settings in a folder of their own, corpora on disk, a model server, the real data."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from configs import loading as configuration
from configs.settings import Settings
from tests.support import owners
from tests.support.openai_server import OpenAIServer

if TYPE_CHECKING:
    from tests.support.qdrant_server import QdrantServer

SettingsFactory = Callable[..., Settings]
CorpusWriter = Callable[..., Path]

_SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(autouse=True)
def _clean_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the person who runs the tests may leak in, and none of their files be touched."""
    for name in [name for name in os.environ if name.startswith("CITEWELL_") and not name.startswith("CITEWELL_TEST_")]:
        monkeypatch.delenv(name)
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))


@pytest.fixture(scope="session", autouse=True)
def _runtime_folder() -> Iterator[Path]:
    """Where the owners of embedded indexes listen, apart from those of the person who runs the tests; short, as sockets need it."""
    with tempfile.TemporaryDirectory(prefix="cw") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", folder)
        yield Path(folder, "citewell")
        owners.end(Path(folder, "citewell").glob("*.sock"))


@pytest.fixture(autouse=True)
def _no_owner_stays(_runtime_folder: Path) -> Iterator[None]:
    """Owners that a test started end with it."""
    before = set(_runtime_folder.glob("*.sock"))
    yield
    owners.end(set(_runtime_folder.glob("*.sock")) - before)


@pytest.fixture
def settings(tmp_path: Path) -> SettingsFactory:
    """`settings({"embedding.url": …}, profile="sglang")`: settings whose data lies in this test's folder."""

    def make(flags: Mapping[str, Any] | None = None, *, profile: str | None = None) -> Settings:
        return configuration.load(profile, {"data_dir": tmp_path / "data", **(flags or {})}).settings

    return make


@pytest.fixture
def corpus(tmp_path: Path) -> CorpusWriter:
    """`corpus(records, "name.jsonl")`: the records as a JSON Lines file; the same name is written anew."""

    def write(records: Iterable[Mapping[str, Any]], name: str = "corpus.jsonl") -> Path:
        path = tmp_path / name
        path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), "utf-8")
        return path

    return write


@pytest.fixture
def openai_server() -> Iterator[OpenAIServer]:
    """A running model server, one a test."""
    with OpenAIServer() as server:
        yield server


@pytest.fixture
def qdrant_server() -> Iterator[QdrantServer]:
    """A running Qdrant server, empty, one a test."""
    from tests.support.qdrant_server import QdrantServer  # a second that most tests need not pay

    with QdrantServer() as server:
        yield server


@pytest.fixture(params=["embedded", "server"])
def either_home(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """The flags of each home of the index, one after the other."""
    if request.param == "embedded":
        return {"data_dir": str(tmp_path / "data")}
    server: QdrantServer = request.getfixturevalue("qdrant_server")
    return {"data_dir": str(tmp_path / "data"), "index.home": "server", "index.url": server.url}


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real medical corpora beside the checkout."""
    if not _SHARED.is_dir():
        pytest.skip("the real corpora (../shared/data) are not here")
    return _SHARED

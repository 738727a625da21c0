"""Real servers on this CPU, each started once for all live tests that need it.

SGLang is the lab of `../shared/tools/sglang-cpu`; Infinity, the second embedding server, is a virtual environment beside
it (CONTRIBUTING.md tells how to make it) and serves the lab's MiniLM.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx
import pytest

TOOLS = Path(__file__).resolve().parents[3] / "shared" / "tools" / "sglang-cpu"
LAB = Path(os.environ.get("CITEWELL_TEST_SGLANG_LAB", "~/.cache/citewell-sglang")).expanduser()
INFINITY = Path(os.environ.get("CITEWELL_TEST_INFINITY_LAB", "~/.cache/citewell-infinity")).expanduser()
INFINITY_KEY = "a key of the test"
QUEUED = 8
_START_SECONDS = 240
# What makes SGLang content with two cores and little memory; the lab's README tells why.
CPU_FLAGS = ["--device", "cpu", "--dtype", "float32", "--max-total-tokens", "32768", "--sleep-on-idle"]
# The tiny model's tokens are single letters: six passages need more of them than it was made for.
CPU_FLAGS += ["--json-model-override-args", '{"max_position_embeddings": 16384}']


@pytest.fixture(scope="session")
def lab() -> Path:
    """The folder of the built lab; skips where there is none."""
    if not (TOOLS / "serve").exists():
        pytest.skip("no ../shared/tools/sglang-cpu beside the checkout")
    if not (LAB / "complete").exists():
        pytest.skip(f"the SGLang lab is not built; ../shared/tools/sglang-cpu/install builds it in {LAB.name}")
    return LAB


@pytest.fixture(scope="session")
def sglang(lab: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Base URLs of a MiniLM embedding server and of a tiny chat server, the latter run by `citewell serve`."""
    logs = tmp_path_factory.mktemp("sglang")
    embedding_port, chat_port = _free_port(), _free_port()
    chat = [sys.executable, "-m", "assistant", "serve", "generation"]
    chat += ["--set", f"serve.python={lab}/venv/bin/python", "--set", f"serve.generation.model={lab}/models/chat"]
    chat += [
        "--set",
        f"serve.generation.port={chat_port}",
        "--set",
        f"serve.generation.arguments={json.dumps(CPU_FLAGS)}",
    ]
    with ExitStack() as stack:
        stack.enter_context(_running([str(TOOLS / "serve"), "minilm", str(embedding_port)], logs / "embedding"))
        stack.enter_context(_running(chat, logs / "chat"))
        for port, log in ((embedding_port, logs / "embedding"), (chat_port, logs / "chat")):
            _wait(port, log)
        yield f"http://127.0.0.1:{embedding_port}/v1", f"http://127.0.0.1:{chat_port}/v1"


@pytest.fixture(scope="session")
def sglang_small_queue(lab: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Base URL of a MiniLM embedding server that lets a few texts wait and answers 503 to all others."""
    log, port = tmp_path_factory.mktemp("queue") / "log", _free_port()
    with _running([str(TOOLS / "serve"), "minilm", str(port), "--max-queued-requests", str(QUEUED)], log):
        _wait(port, log)
        yield f"http://127.0.0.1:{port}/v1"


@pytest.fixture(scope="session")
def sglang_reranker(lab: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Base URL of a reranking server with the chat template, run by `citewell serve`; its weights are random."""
    log, port = tmp_path_factory.mktemp("reranker") / "log", _free_port()
    command = [sys.executable, "-m", "assistant", "serve", "reranker", "--set", f"serve.python={lab}/venv/bin/python"]
    for key, value in {"model": f"{lab}/models/reranker", "port": port, "arguments": json.dumps(CPU_FLAGS)}.items():
        command += ["--set", f"serve.reranker.{key}={value}"]
    with _running(command, log):
        _wait(port, log)
        yield f"http://127.0.0.1:{port}/v1"


@pytest.fixture(scope="session")
def infinity(lab: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Base URL of a real Infinity that wants `INFINITY_KEY` and serves MiniLM under two names, as a fleet would."""
    program = INFINITY / "venv" / "bin" / "infinity_emb"
    if not program.exists():
        pytest.skip(f"Infinity is not installed in {INFINITY.name}; CONTRIBUTING.md tells how")
    folder, port = tmp_path_factory.mktemp("infinity"), _free_port()
    command = [str(program), "v2", "--host", "127.0.0.1", "--port", str(port), "--url-prefix", "/v1"]
    command += ["--api-key", INFINITY_KEY, "--no-model-warmup"]
    for name in ("minilm", "twin"):
        (folder / name).symlink_to(lab / "models" / "minilm")
        command += ["--model-id", str(folder / name), "--served-model-name", name, "--engine", "torch"]
        command += ["--device", "cpu", "--no-compile", "--no-bettertransformer"]
    with _running(command, folder / "log"):
        _wait(port, folder / "log")
        yield f"http://127.0.0.1:{port}/v1"


@contextmanager
def _running(command: list[str], log: Path) -> Iterator[None]:
    environment = os.environ | {"PYTHONPATH": f"{TOOLS}/sgl_kernel_stub:{TOOLS}", "SGLANG_USE_CPU_ENGINE": "1"}
    environment |= {"HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "1"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, env=environment, start_new_session=True, cwd=log.parent
        )
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(40)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait(port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        with suppress(httpx.HTTPError):
            if httpx.get(f"http://127.0.0.1:{port}/health", timeout=10).status_code == httpx.codes.OK:
                return
        time.sleep(1)  # polling a server that starts; nothing is asserted on it
    pytest.fail(f"The server did not answer within {_START_SECONDS} s:\n{log.read_text('utf-8', 'replace')[-3000:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

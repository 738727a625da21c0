"""`citewell serve`: start SGLang with the flags that the profile's model needs, wait, and stop it cleanly."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from importlib.resources import as_file, files
from importlib.util import find_spec
from typing import TYPE_CHECKING

import click

from assistant.commands import output
from assistant.commands.options import Loaded, with_settings
from configs.errors import InputError, NotInstalled, ServerUnreachable, SettingsError
from configs.settings import ServedModel, ServeSettings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

ROLES = ("embedding", "generation", "reranker")
_POLL_SECONDS = 0.5
_STOP_SECONDS = 30.0
# Without it an embedding server answers `dimensions` with 400: SGLang must be told that the model is Matryoshka.
_MATRYOSHKA = '{"is_matryoshka": true}'


@click.command(epilog=output.example("citewell serve embedding --profile sglang", "citewell serve generation --print"))
@click.argument("role", type=click.Choice(ROLES))
@click.option("--print", "only_print", is_flag=True, help="Print the command and do nothing else.")
@with_settings
def serve(role: str, *, only_print: bool, loaded: Loaded) -> int:
    """Start the SGLang server of this profile for embedding, generation or reranking.

    It runs until it is interrupted. Model, port and further flags are the serve.* settings.
    """
    settings = loaded.settings.serve
    with as_file(files("prompts") / "qwen3_reranker.jinja") as template:
        command = command_for(role, settings, str(template))
        output.say(shlex.join(command))
        if only_print:
            return 0
        _need_sglang(settings)
        return _run(role, command, served(role, settings), settings.start_timeout)


def served(role: str, settings: ServeSettings) -> ServedModel:
    """The model of one role."""
    return {"embedding": settings.embedding, "generation": settings.generation, "reranker": settings.reranker}[role]


def command_for(role: str, settings: ServeSettings, reranker_template: str) -> list[str]:
    """The command line that starts SGLang (0.5.23) for one role.

    An embedding server needs `--is-embedding`, a reranker must not have it and needs its chat template.
    """
    model = served(role, settings)
    python = str(settings.python or sys.executable)
    base = [python, "-m", "sglang.launch_server", "--model-path", model.model]
    command = [*base, "--host", model.host, "--port", str(model.port)]
    if role == "embedding":
        command += ["--is-embedding", "--json-model-override-args", _MATRYOSHKA]
    if role == "reranker":
        command += ["--chat-template", reranker_template]
    return [*command, *model.arguments]


def _need_sglang(settings: ServeSettings) -> None:
    if settings.python is None and find_spec("sglang") is None:
        raise NotInstalled(
            "SGLang is not installed here",
            fix="pip install 'citewell[sglang]' (in a checkout: pip install -e '.[sglang]') on a GPU machine, or name "
            "the interpreter of an environment that has it: --set serve.python=/path/to/python",
        )


def _run(role: str, command: list[str], model: ServedModel, timeout: float) -> int:
    url = f"http://{model.host}:{model.port}"
    if _healthy(url):
        raise InputError("a server answers there already", where=url, fix=f"Stop it, or --set serve.{role}.port=….")
    started = time.monotonic()
    with _stopped_on_signal(command) as process:
        while not _healthy(url):
            if (status := process.poll()) is not None:
                raise ServerUnreachable(
                    f"SGLang ended with status {status} before it answered",
                    where=url,
                    fix="Its own output above says why.",
                )
            if time.monotonic() - started > timeout:
                raise ServerUnreachable(
                    f"SGLang does not answer after {timeout:.0f} s",
                    where=url,
                    fix="Raise serve.start_timeout for a large model.",
                )
            time.sleep(_POLL_SECONDS)
        output.say(f"The {role} server is ready after {time.monotonic() - started:.0f} s: {url}/v1 (Ctrl+C stops it)")
        status = process.wait()
    return 0 if status in (0, -signal.SIGTERM, -signal.SIGINT) else 1


@contextmanager
def _stopped_on_signal(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """The process, in a session of its own; whatever ends us ends it and its children too."""
    try:
        process = subprocess.Popen(command, start_new_session=True)  # noqa: S603 — the user's own settings
    except OSError as error:
        raise SettingsError(f"cannot be run: {error.strerror}", where=command[0], fix="Correct serve.python.") from None
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield process
    finally:
        signal.signal(signal.SIGTERM, before)
        _stop(process)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)
    _kill_group(process.pid)


def _kill_group(leader: int) -> None:
    """SGLang's schedulers are processes of their own; none may outlive it and hold the GPU."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def _healthy(url: str) -> bool:
    import httpx

    try:
        return httpx.get(f"{url}/health", timeout=5).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False

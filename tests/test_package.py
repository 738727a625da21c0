"""The release as a stranger gets it: built, installed in an environment of its own, run outside the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pytest

from assistant import __version__

# One build for all of them, whichever worker runs it.
pytestmark = pytest.mark.xdist_group("package")

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("assistant", "configs", "ingest", "prompts")
LICENCE = "Apache-2.0"


@dataclass(frozen=True)
class Installed:
    """The built files, and the environment that the wheel went into."""

    wheel: Path
    sdist: Path
    python: Path
    home: Path

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """A command of the environment from an empty home, nothing of the checkout in sight."""
        program, *arguments = command
        return subprocess.run(
            [self.python.with_name(program), *arguments],
            cwd=self.home,
            env={"PATH": os.defpath, "HOME": str(self.home), "PYTHONUTF8": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The sdist, the wheel made of it, and a fresh environment with that wheel and the dependencies of this one."""
    folder = tmp_path_factory.mktemp("package")
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    home = folder / "home"
    home.mkdir()

    def must(*command: str | Path) -> None:
        subprocess.run(command, cwd=home, env=environment, capture_output=True, check=True, timeout=120)

    must(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder / "dist", ROOT)
    must(sys.executable, "-m", "venv", folder / "venv")
    (wheel,) = (folder / "dist").glob("*.whl")
    (sdist,) = (folder / "dist").glob("*.tar.gz")
    python = folder / "venv" / "bin" / "python"
    must(python, "-m", "pip", "install", "--no-deps", "--no-index", wheel)
    # A .pth file adds the folder alone and not what its own .pth files name: the checkout stays unseen.
    (own,) = (folder / "venv" / "lib").glob("python*/site-packages")
    (own / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n{sysconfig.get_path('platlib')}\n")
    return Installed(wheel, sdist, python, home)


def _data_files() -> set[str]:
    """What the packages of the checkout hold besides code and caches, and pictures that only the README shows."""
    files = (path for package in PACKAGES for path in (ROOT / package).rglob("*") if path.is_file())
    return {path.relative_to(ROOT).as_posix() for path in files if path.suffix not in {".py", ".pyc", ".svg"}}


def test_the_wheel_holds_the_packages_with_their_data_and_nothing_else(installed: Installed) -> None:
    """Prompts, profiles, samples and style sheets are in the wheel; tests and the checkout's own files are not."""
    names = set(zipfile.ZipFile(installed.wheel).namelist())
    assert _data_files() - names == set()
    for needed in (
        "prompts/answer.md",
        "prompts/instructions.toml",
        "prompts/qwen3_reranker.jinja",
        "configs/profiles/quickstart.toml",
        "ingest/samples/articles.jsonl",
        "assistant/tui/citewell.tcss",
        *(f"{package}/py.typed" for package in PACKAGES),
    ):
        assert needed in names
    tops = {PurePosixPath(name).parts[0] for name in names}
    assert tops == {*PACKAGES, f"citewell-{__version__}.dist-info"}
    assert not [name for name in names if "__pycache__" in name]


def test_the_wheel_says_its_licence_and_versions_of_python(installed: Installed) -> None:
    """A package index shows the licence, carries its text, and offers the release to Python 3.11 to 3.13 alone."""
    with zipfile.ZipFile(installed.wheel) as wheel:
        info = f"citewell-{__version__}.dist-info"
        metadata = wheel.read(f"{info}/METADATA").decode("utf-8").splitlines()
        assert wheel.read(f"{info}/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()
    assert f"License-Expression: {LICENCE}" in metadata
    assert "Requires-Python: <3.14,>=3.11" in metadata


def test_the_source_release_can_be_tested(installed: Installed) -> None:
    """The sdist has what a distributor needs to test and describe it: tests, change log, guide and licence."""
    with tarfile.open(installed.sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"tests/test_package.py", "CHANGELOG.md", "CONTRIBUTING.md", "README.md", "LICENSE"} <= names


def test_the_installed_command_is_not_the_checkout(installed: Installed) -> None:
    """What is tested below is the wheel: its modules come from the environment's own folder."""
    code = "import assistant, configs, ingest, prompts; print(assistant.__file__, prompts.__file__)"
    found = installed.run("python", "-c", code)
    assert [Path(name).is_relative_to(installed.python.parents[1]) for name in found.stdout.split()] == [True, True]


def test_the_installed_command_says_its_version(installed: Installed) -> None:
    """`citewell --version` works from any folder, and so does `python -m assistant`."""
    assert installed.run("citewell", "--version").stdout == f"citewell {__version__}\n"
    assert installed.run("python", "-m", "assistant", "--version").stdout == f"citewell {__version__}\n"


def test_the_installed_demo_answers_in_a_pipe(installed: Installed) -> None:
    """`citewell demo | cat` on a machine that never saw citewell: three questions, answered and cited, status 0."""
    demo = installed.run("citewell", "demo")
    assert (demo.returncode, demo.stderr) == (0, "")
    assert demo.stdout.count("Question: ") == demo.stdout.count("\nSources\n") == 3
    assert "Not medical advice" in demo.stdout
    assert demo.stdout.count("[1]") >= 6

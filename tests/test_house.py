"""Promises of the house: its floors, the size of its files, one version, an honest lock file, the sample corpus."""

from __future__ import annotations

import json
import re
import subprocess
import sysconfig
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.version import Version

from assistant import __version__

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("assistant", "configs", "ingest", "prompts")
LONGEST_FILE = 350
LEAST_ARTICLES = 80
ARTICLE_KEYS = ("id", "title", "abstract", "year", "source", "url", "type", "lang", "notice")


def _toml(name: str) -> dict[str, Any]:
    return tomllib.loads((ROOT / name).read_text("utf-8"))


def test_no_floor_imports_the_one_above() -> None:
    """The import contracts hold: a command may know the index, the index may not know a command."""
    program = Path(sysconfig.get_path("scripts")) / "lint-imports"
    linted = subprocess.run([program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert linted.returncode == 0, linted.stdout + linted.stderr
    assert re.search(r"Contracts: [1-9]\d* kept, 0 broken", linted.stdout)


def test_no_file_is_long() -> None:
    """A file beyond 350 lines has a second purpose inside, and a reader cannot find it by its name."""
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    lengths = {path.relative_to(ROOT).as_posix(): len(path.read_text("utf-8").splitlines()) for path in files}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}


def test_the_version_stands_in_one_place_and_the_change_log_tells_of_it() -> None:
    """Code, package and change log name the same version: the newest heading of the log is the code's."""
    project = _toml("pyproject.toml")
    assert "version" in project["project"]["dynamic"]
    assert project["tool"]["hatch"]["version"]["path"] == "assistant/__init__.py"
    released = re.findall(r"^## \[(\d[^\]]*)\]", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert released[0] == __version__


def test_ci_runs_the_first_two_commands_of_the_readme() -> None:
    """What a newcomer types first is what is checked on a bare machine, to the letter."""
    commands = re.findall(r"^(?:\$ )?(pip install .*)$", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
    assert commands[:2] == ["pip install -e . && citewell demo", "pip install -e '.[test]' && pytest"]
    ci = (ROOT / ".ci" / "run").read_text("utf-8")
    assert [command for command in commands[:2] if f'stage "{command}"' not in ci] == []


def test_the_lock_file_is_that_of_this_project_and_names_only_the_public_index() -> None:
    """`uv sync` works for everyone: the lock was made from these very requirements, with no mirror or local path."""
    text = (ROOT / "uv.lock").read_text("utf-8")
    assert {urlsplit(url).hostname for url in re.findall(r'[a-z]+://[^"\s]+', text)} == {
        "pypi.org",
        "files.pythonhosted.org",
    }
    packages = tomllib.loads(text)["package"]
    sources = [next(iter(package["source"].items())) for package in packages]
    assert set(sources) == {("editable", "."), ("registry", "https://pypi.org/simple")}

    project = _toml("pyproject.toml")["project"]
    wanted = [Requirement(text) for text in project["dependencies"]]
    wanted += [Requirement(text) for extra in project["optional-dependencies"].values() for text in extra]
    (own,) = (package for package in packages if package["name"] == project["name"])
    locked = own["metadata"]["requires-dist"]
    assert {(row["name"], str(Requirement(f"x{row['specifier']}").specifier)) for row in locked} == {
        (requirement.name.lower(), str(requirement.specifier)) for requirement in wanted
    }


def test_sglang_decides_for_nobody_else() -> None:
    """SGLang's pin of an old openai client holds for its extra; everyone else's lock has the current one."""
    packages = tomllib.loads((ROOT / "uv.lock").read_text("utf-8"))["package"]
    (own,) = (package for package in packages if package["name"] == "citewell")
    rows = [row for row in own["dependencies"] if row["name"] == "openai"]

    def locked(extra: str) -> list[int]:
        chosen = {"sys_platform": "linux", "extra": f"extra-8-citewell-{extra}"}
        return [Version(row["version"]).major for row in rows if Marker(row["marker"]).evaluate(chosen)]

    assert {extra: locked(extra) for extra in ("", "local", "test", "sglang")} == {
        "": [3],
        "local": [3],
        "test": [3],
        "sglang": [2],
    }


def test_the_sample_corpus_is_whole() -> None:
    """Each of its articles, 80 or more, English and Chinese, can be checked at its source and says what it is."""
    articles: list[dict[str, Any]] = [
        json.loads(line)
        for path in sorted((ROOT / "ingest" / "samples").glob("*.jsonl"))
        for line in path.read_text("utf-8").splitlines()
    ]
    assert len(articles) >= LEAST_ARTICLES
    assert {article["lang"] for article in articles} == {"en", "zh"}
    assert [article["id"] for article in articles if not all(article.get(key) for key in ARTICLE_KEYS)] == []
    assert [identity for identity, times in Counter(article["id"] for article in articles).items() if times > 1] == []
    for article in articles:
        assert urlsplit(article["url"]).scheme in {"http", "https"}, article["id"]
        assert isinstance(article["year"], int), article["id"]
        assert "Not medical advice" in article["notice"] or "非医疗建议" in article["notice"], article["id"]

"""The one typed tree of settings, and where each value came from.

Precedence, lowest first: built-in profile < user file < environment (`CITEWELL_…`) < flags.
Unknown keys are refused with the nearest known one. Paths follow platformdirs.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self, cast

import platformdirs
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

from configs.errors import SettingsError
from configs.files import Tree, leaves, read_profile, read_user_file, user_file

PROFILES = ("quickstart", "local", "sglang", "cluster")
ENV_PREFIX = "CITEWELL_"
# Environment names that are ours but no settings: which profile, where to look; and what the names of tests begin with.
ENV_OUTSIDE = ("CITEWELL_PROFILE", "CITEWELL_CONFIG")
ENV_TEST_PREFIX = "CITEWELL_TEST_"

UserPath = Annotated[Path, AfterValidator(Path.expanduser)]


def _shown_as_it_is(url: str) -> str:
    if not url:
        raise ValueError("an address may not be blank")
    if "@" in url.partition("://")[2].partition("/")[0]:
        raise ValueError("an address may hold no password, since addresses are shown; use the api_key beside it")
    return url


def _blank_to_none(url: Any) -> Any:
    return None if isinstance(url, str) and not url.strip() else url


Url = Annotated[str, AfterValidator(_shown_as_it_is)]
UrlOrNone = Annotated[Url | None, BeforeValidator(_blank_to_none)]


class Section(BaseModel):
    """A part of the tree: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class IndexSettings(Section):
    """Where passages live: in process (Qdrant Edge) or on a Qdrant server."""

    home: Literal["embedded", "server"] = "embedded"
    name: str = "default"
    url: Url = "http://localhost:6333"
    api_key: SecretStr | None = None
    timeout: float = Field(10.0, gt=0, description="seconds for one call to the server")


class ChunkingSettings(Section):
    """Passage sizes, in cl100k tokens."""

    size: int = Field(512, ge=16, le=32_768)
    overlap: int = Field(64, ge=0)

    @model_validator(mode="after")
    def _overlap_leaves_something(self) -> Self:
        if self.overlap >= self.size:
            raise ValueError(f"overlap ({self.overlap}) must be smaller than size ({self.size})")
        return self


class LexicalSettings(Section):
    """BM25: saturation `k`, length normalisation `b`, assumed mean passage length in tokens, weight of the title."""

    k: float = Field(1.2, ge=0)
    b: float = Field(0.75, ge=0, le=1)
    average_length: float = Field(160.0, gt=0)
    title_weight: int = Field(3, ge=1, le=10, description="how many times a word of the title counts")


class EmbeddingSettings(Section):
    """The dense half: none, an OpenAI-compatible server, or FastEmbed in process."""

    provider: Literal["none", "openai", "fastembed"] = "none"
    url: Url = "http://localhost:30000/v1"
    model: str = "Qwen/Qwen3-Embedding-0.6B"
    model_path: UserPath | None = Field(None, description="a folder with model.onnx, for fastembed")
    api_key: SecretStr | None = None
    dimensions: int | None = Field(None, ge=8, description="ask for fewer (Matryoshka); none: the model's own")
    domain: str = Field("literature", description="a section of prompts/instructions.toml")
    prefix_documents: bool = Field(False, description="put the domain's prefix before each document")
    batch_size: int = Field(64, ge=1, le=4096)
    concurrency: int = Field(4, ge=1)
    timeout: float = Field(60.0, gt=0)


class RetrievalSettings(Section):
    """What is fetched, and how the two halves are weighed."""

    limit: int = Field(6, ge=1, description="passages given to an answer")
    candidates: int = Field(100, ge=1, description="taken from each half before fusion")
    dense_weight: float = Field(0.65, ge=0, le=1, description="share of cosine against BM25 over its best")


class GenerationSettings(Section):
    """The model that writes answers; with no `url`, answers are verbatim quotes."""

    url: UrlOrNone = None
    model: str = "Qwen/Qwen3-8B"
    api_key: SecretStr | None = None
    temperature: float = Field(0.0, ge=0)
    max_tokens: int = Field(1024, ge=1)
    context_tokens: int = Field(6000, ge=256, description="budget for passages in the prompt")
    timeout: float = Field(60.0, gt=0, description="longest silence of the stream, in seconds")


class ServedModel(Section):
    """One SGLang server that `citewell serve` starts."""

    model: str
    port: int = Field(ge=1, le=65_535)
    host: str = "127.0.0.1"
    arguments: tuple[str, ...] = Field((), description="further sglang.launch_server flags")


class ServeSettings(Section):
    """The servers of this profile, started by `citewell serve`."""

    python: Path | None = Field(None, description="interpreter of an environment with SGLang; none: this one")
    start_timeout: float = Field(1800.0, gt=0, description="seconds until a model must be loaded and answer")

    embedding: ServedModel = ServedModel(model="Qwen/Qwen3-Embedding-0.6B", port=30000)
    generation: ServedModel = ServedModel(model="Qwen/Qwen3-8B", port=30001)
    reranker: ServedModel = ServedModel(model="Qwen/Qwen3-Reranker-0.6B", port=30002)


class ChatSettings(Section):
    """The terminal chat."""

    theme: str = "citewell-dark"


class Settings(Section):
    """Everything that can be set. Build it with `load`, which also says where values came from."""

    profile: str = "quickstart"
    data_dir: UserPath = Field(default_factory=lambda: platformdirs.user_data_path("citewell"))
    index: IndexSettings = IndexSettings()
    chunking: ChunkingSettings = ChunkingSettings()
    lexical: LexicalSettings = LexicalSettings()
    embedding: EmbeddingSettings = EmbeddingSettings()
    retrieval: RetrievalSettings = RetrievalSettings()
    generation: GenerationSettings = GenerationSettings()
    serve: ServeSettings = ServeSettings()
    chat: ChatSettings = ChatSettings()


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, and for each dotted key that was set, the name of the place that set it."""

    settings: Settings
    origins: Mapping[str, str]

    def rows(self) -> Iterator[tuple[str, Any, str]]:
        """Each leaf as (dotted key, value as JSON has it with secrets masked, origin)."""
        for key, value in leaves(self.settings.model_dump(mode="json")):
            yield key, value, self.origins.get(key, "default")


def load(profile: str | None = None, flags: Mapping[str, Any] | None = None) -> Loaded:
    """Merge profile, user file, environment and flags (`{"index.name": "x"}`) into settings.

    Raises:
        SettingsError: an unknown profile or key (with the nearest known one), a bad value, a file
            that is not TOML, or a user file that holds a secret and is readable by others.
    """
    path = user_file()
    user = read_user_file(path)
    env = _environment()
    flag_tree = _nest(dict(flags or {}))
    named = [
        ("flag", profile or flag_tree.get("profile")),
        ("environment", os.environ.get("CITEWELL_PROFILE")),
        (str(path), user.get("profile")),
        ("default", "quickstart"),
    ]
    named_by, name = next((origin, name) for origin, name in named if name)
    if name not in PROFILES:
        raise SettingsError(
            f"there is no profile “{name}”",
            where=named_by,
            fix=f"Choose one of: {', '.join(PROFILES)}.",
            usage=named_by == "flag",
        )
    sources = [(f"profile {name}", read_profile(name)), (str(path), user), ("environment", env), ("flag", flag_tree)]
    merged: Tree = Settings().model_dump()
    origins: dict[str, str] = {}
    for origin, tree in sources:
        _refuse_unknown(tree, Settings, origin)
        _merge(merged, tree)
        origins.update(dict.fromkeys((key for key, _ in leaves(tree)), origin))
    merged["profile"] = name
    origins["profile"] = named_by
    try:
        return Loaded(Settings(**merged), origins)
    except ValidationError as error:
        raise _explain(error, origins) from None


def _environment() -> Tree:
    """The `CITEWELL_SECTION__KEY` variables as a tree; pydantic-settings does the parsing."""
    ours = [name for name in os.environ if name.startswith(ENV_PREFIX) and not name.startswith(ENV_TEST_PREFIX)]
    names = [name for name in ours if name not in ENV_OUTSIDE]
    if not names:
        return {}
    known = {f"{ENV_PREFIX}{key.replace('.', '__')}".upper() for key in known_keys()}
    sections = {f"{ENV_PREFIX}{name}".upper() for name in Settings.model_fields}
    for name in names:
        if name.upper() not in known | sections:
            raise SettingsError(
                f"unknown setting {name} in the environment", fix=_nearest(name, sorted({*known, *ENV_OUTSIDE}))
            )
    # Imported here: it takes an eighth of a second, and most runs set nothing in the environment.
    from pydantic_settings import BaseSettings, EnvSettingsSource

    source = EnvSettingsSource(
        cast("type[BaseSettings]", Settings), case_sensitive=False, env_prefix=ENV_PREFIX, env_nested_delimiter="__"
    )
    try:
        values = source()
    except ValueError as error:  # pydantic-settings' own SettingsError: a section that is no JSON object
        raise SettingsError(str(error), where="environment", fix="Set single keys, as CITEWELL_INDEX__NAME.") from None
    values.pop("profile", None)
    return values


def known_keys(model: type[BaseModel] = Settings, prefix: str = "") -> Iterator[str]:
    """Every dotted key that can be set."""
    for name, field in model.model_fields.items():
        annotation = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield from known_keys(annotation, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def _nest(flat: Mapping[str, Any]) -> Tree:
    tree: Tree = {}
    for dotted, value in flat.items():
        *parents, leaf = dotted.split(".")
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
            if not isinstance(node, dict):
                raise SettingsError(f"{parent} is set both as a value and as a section", where="flag", usage=True)
        node[leaf] = value
    return tree


def _merge(into: Tree, tree: Mapping[str, Any]) -> None:
    for key, value in tree.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = dict(value) if isinstance(value, Mapping) else value


def _refuse_unknown(tree: Mapping[str, Any], model: type[BaseModel], origin: str, prefix: str = "") -> None:
    for key, value in tree.items():
        field = model.model_fields.get(key)
        if field is None:
            unknown = next((leaf for leaf, _ in leaves({key: value}, prefix)), f"{prefix}{key}")
            raise SettingsError(
                f"unknown setting {unknown} in {origin}",
                fix=_nearest(unknown, sorted(known_keys())),
                usage=origin == "flag",
            )
        annotation = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            if not isinstance(value, Mapping):
                raise SettingsError(
                    f"{prefix}{key} in {origin} is a section, not a value",
                    fix=f"Set one of its keys, such as {next(known_keys(annotation, f'{prefix}{key}.'))}.",
                    usage=origin == "flag",
                )
            _refuse_unknown(value, annotation, origin, f"{prefix}{key}.")


def _nearest(key: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    return f"Did you mean {close[0]}?" if close else "`citewell config show` lists all settings."


def _explain(error: ValidationError, origins: Mapping[str, str]) -> SettingsError:
    first = error.errors(include_url=False, include_input=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    at_fault = {origin for name, origin in origins.items() if f"{name}.".startswith(f"{key}.")}
    return SettingsError(
        f"{key}: {first['msg']}",
        where=origins.get(key, ""),
        fix="`citewell config show` lists all settings.",
        usage="flag" in at_fault,
    )

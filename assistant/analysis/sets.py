"""The test collections of a results page: a TOML file that names them.

title = "Retrieval, measured"
[[sets]]
name = "SciFact, train claims"
corpus = ["data/scifact/corpus.jsonl.gz"]       # paths as seen from this file
queries = "data/scifact/queries_train.jsonl"
qrels = "data/scifact/qrels_train.tsv"
axes = ["dimensions", "weights"]                # swept and drawn; none by default
embed = true                                    # false: words alone, where embedding would take too long
most = 1000                                     # the first so many questions; all by default
note = "Claims; one or two judged abstracts each."
"""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from configs.errors import InputError


class Collection(BaseModel):
    """One corpus with its questions and judgments."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    corpus: tuple[Path, ...] = Field(min_length=1)
    queries: Path
    qrels: Path
    axes: tuple[str, ...] = ()
    embed: bool = True
    most: int | None = Field(None, ge=1)
    note: str = ""


class Collections(BaseModel):
    """What one page shows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str = "Retrieval, measured"
    sets: tuple[Collection, ...] = Field(min_length=1)


def read_collections(path: Path) -> Collections:
    """The sets that a file names, their paths made absolute.

    Raises:
        InputError: it cannot be read, is not TOML, or a key is missing, unknown or of another kind.
    """
    try:
        found = Collections.model_validate(tomllib.loads(path.read_text("utf-8")))
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path)) from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise InputError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}", where=str(path)) from None
    except ValueError as error:  # TOMLDecodeError and UnicodeDecodeError
        raise InputError(f"is not valid TOML: {error}", where=str(path)) from None
    folder = path.absolute().parent
    sets = tuple(
        one.model_copy(
            update={
                "corpus": tuple(folder / part for part in one.corpus),
                "queries": folder / one.queries,
                "qrels": folder / one.qrels,
            }
        )
        for one in found.sets
    )
    return found.model_copy(update={"sets": sets})

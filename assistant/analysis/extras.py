"""The extra `analysis`: what a command says that needs it and does not have it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from configs.errors import NotInstalled

_PACKAGES = {"ir_measures", "matplotlib", "numpy", "pytrec_eval", "scipy", "sklearn"}


@contextmanager
def needed(what: str) -> Iterator[None]:
    """Stands around imports from the extra; `what` is what needs them, as in "an evaluation".

    Raises:
        NotInstalled: one of its packages is missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _PACKAGES:
            raise
        raise NotInstalled(
            f"{what} needs {error.name}, which is not installed",
            fix="pip install 'citewell[analysis]' (in a checkout: pip install -e '.[analysis]')",
        ) from None

"""Every error citewell raises on purpose: what went wrong, where, and what mends it.

    CitewellError
    ├── SettingsError         a setting is unknown, malformed or unsafe
    ├── InputError            a file, a record or an argument cannot be used
    ├── IndexStoreError       the index cannot be opened, read or written
    │   ├── IndexMissing      there is none of that name yet
    │   ├── IndexInUse        another process holds it
    │   ├── IndexReplaced     another has taken its place since it was opened
    │   └── IndexMismatch     it was made with other settings
    ├── ServerError           a model server or a Qdrant server did not do its part
    │   ├── ServerUnreachable nothing answers there, or not in time
    │   ├── ServerRefused     it answered: no (wrong key, bad request, unknown model)
    │   ├── ServerBusy        it answered: not now (429, 503)
    │   └── ServerGarbled     what it answered is not the protocol
    ├── CacheUnusable         the embedding cache cannot be used; work goes on without it
    └── NotInstalled          an optional part is missing; says how to add it

Only the command line turns them into exit statuses and text; nobody else prints.
"""

from __future__ import annotations


class CitewellError(Exception):
    """What went wrong (`what`), where it lies (`where`) and what to do about it (`fix`).

    `usage` says that it was the command line: a flag or an argument is wrong.
    """

    def __init__(self, what: str, *, where: str = "", fix: str = "", usage: bool = False) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.fix = fix
        self.usage = usage

    def __str__(self) -> str:
        lines = [f"{self.where}: {self.what}" if self.where else self.what]
        if self.fix:
            lines.append(f"  → {self.fix}")
        return "\n".join(lines)


class SettingsError(CitewellError):
    """A setting is unknown, malformed or unsafe."""


class InputError(CitewellError):
    """A file, a record or an argument cannot be used."""


class IndexStoreError(CitewellError):
    """The index cannot be opened, read or written."""


class IndexMissing(IndexStoreError):
    """There is no index of that name yet."""


class IndexInUse(IndexStoreError):
    """Another process holds the index."""


class IndexReplaced(IndexStoreError):
    """The index was made anew, or deleted, since it was opened: open it again."""


class IndexMismatch(IndexStoreError):
    """The index was made with other settings than those in force."""


class ServerError(CitewellError):
    """A server did not do its part."""


class ServerUnreachable(ServerError):
    """Nothing answers there, or not in time."""


class ServerRefused(ServerError):
    """The server answered: no."""


class ServerBusy(ServerError):
    """The server answered: not now."""


class ServerGarbled(ServerError):
    """What the server answered is not the protocol it is meant to speak."""


class CacheUnusable(CitewellError):
    """The embedding cache cannot be read or written; nothing but a question about it fails by this."""


class PrivacyBlocked(CitewellError):
    """A question that seems to name a patient was not sent."""


class NotInstalled(CitewellError):
    """An optional part is missing."""

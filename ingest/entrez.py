"""PubMed itself as a source: what a query finds, by NCBI's E-utilities, inside their rules.

At most 3 requests a second, 10 with an API key, and the tool's name in each
(https://www.ncbi.nlm.nih.gov/books/NBK25497/). A query answers at most 9,999 records.
"""

from __future__ import annotations

import io
import json
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import date
from typing import TYPE_CHECKING, Any

from configs.errors import InputError, ServerBusy, ServerError, ServerGarbled, ServerRefused, ServerUnreachable
from configs.settings import PubMedSettings
from ingest.readers.base import Records, Rejected
from ingest.readers.pubmed import read_pubmed
from ingest.readers.registry import QUERY
from ingest.text import one_line

if TYPE_CHECKING:
    import httpx

MOST = 9_999
# Records a call of efetch: some 2 MB.
_PAGE = 200
# Numbers a call that asks which of them have changed; NCBI takes long forms by POST.
_ASKED = 400
_TRIES = 5
_LONGEST_WAIT = 30.0


class Entrez:
    """A connection to the E-utilities; use it in one thread, and `close` it."""

    def __init__(self, settings: PubMedSettings) -> None:
        # Imported here: only this source speaks HTTP by itself.
        import httpx

        self._settings = settings
        self._key = settings.api_key.get_secret_value() if settings.api_key else ""
        self._http = httpx.Client(timeout=settings.timeout, follow_redirects=True)
        self._next_call = 0.0

    def search(self, query: str, limit: int, since: date | None = None) -> list[str]:
        """The PubMed numbers of the records that match, PubMed's best match first.

        Args:
            query: as typed into PubMed.
            limit: how many at most.
            since: only records that were entered or changed on this day or later.

        Raises:
            InputError: PubMed cannot read the query, or nothing matches it at all.
            ServerError: PubMed does not answer, after some tries.
        """
        if since is not None:
            query = f"({query}) AND {since:%Y/%m/%d}:3000[mdat]"
        form = {"term": query, "retmax": min(limit, MOST), "retmode": "json", "sort": "relevance"}
        found = self._json("esearch.fcgi", form).get("esearchresult")
        if not isinstance(found, dict):
            raise self._garbled("no esearchresult")
        if problem := found.get("ERROR"):
            raise InputError(f"PubMed cannot use the query: {one_line(str(problem))}", where=f"{QUERY}{query}")
        ids = found.get("idlist")
        if not isinstance(ids, list) or not all(isinstance(one, str) and one.isdigit() for one in ids):
            raise self._garbled("no list of numbers")
        if not ids and since is None:
            unknown = ", ".join(
                f"“{one_line(str(one))}”" for one in (found.get("errorlist") or {}).get("phrasesnotfound", ())
            )
            raise InputError(
                f"PubMed finds nothing for it{f'; it does not know {unknown}' if unknown else ''}",
                where=f"{QUERY}{query}",
                fix="Try the query on pubmed.ncbi.nlm.nih.gov; nothing was ingested.",
            )
        return ids[:limit]

    def changed(self, numbers: Sequence[str], since: date) -> Iterator[str]:
        """Those of these records that PubMed has changed since (retracted, corrected, indexed anew); errors as `search`."""
        for start in range(0, len(numbers), _ASKED):
            asked = " OR ".join(f"{number}[uid]" for number in numbers[start : start + _ASKED])
            yield from self.search(asked, _ASKED, since)

    def fetch(self, numbers: Sequence[str], name: str) -> Records:
        """The records of these numbers; what PubMed leaves out is told by a `Rejected`. Errors as `search`."""
        for start in range(0, len(numbers), _PAGE):
            page = numbers[start : start + _PAGE]
            content = self._call("efetch.fcgi", {"id": ",".join(page), "retmode": "xml"})
            came = 0
            for record in read_pubmed(io.BytesIO(content), name):
                came += 1
                yield record
            if came < len(page):
                yield Rejected(name, f"PubMed hands out {came} of the {len(page)} records {page[0]} … {page[-1]}")

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def _json(self, program: str, form: dict[str, Any]) -> dict[str, Any]:
        content = self._call(program, form)
        try:
            answer = json.loads(content)
        except ValueError:
            raise self._garbled("no JSON") from None
        return answer if isinstance(answer, dict) else {}

    def _call(self, program: str, form: dict[str, Any]) -> bytes:
        """One call, repeated with growing, jittered waits where the server is busy or the network fails."""
        import httpx

        form = {"db": "pubmed", "tool": "citewell", **form}
        form |= {"api_key": self._key} if self._key else {}
        form |= {"email": self._settings.email} if self._settings.email else {}
        problem: ServerError
        for attempt in range(_TRIES):
            self._take_turn(attempt)
            try:
                answer = self._http.post(f"{self._settings.url.rstrip('/')}/{program}", data=form)
            except httpx.TransportError as error:
                problem = ServerUnreachable(
                    f"PubMed does not answer ({type(error).__name__})",
                    where=self._settings.url,
                    fix="Check the network, or correct pubmed.url. What was fetched is kept.",
                )
                continue
            if answer.is_success:
                return answer.content
            problem = self._refused(answer)
            if not isinstance(problem, ServerBusy):
                break
        raise problem

    def _take_turn(self, attempt: int) -> None:
        """Wait until the rules allow the next call; after a failure, longer each time."""
        wait = max(0.0, self._next_call - time.monotonic())
        if attempt:
            wait += random.uniform(0.5, 1.0) * min(_LONGEST_WAIT, self._settings.patience * 2**attempt)  # noqa: S311 — no secret
        time.sleep(wait)
        self._next_call = time.monotonic() + (0.1 if self._key else 0.34)

    def _refused(self, answer: httpx.Response) -> ServerError:
        said = one_line(answer.text[:300]).replace(self._key or "\0", "***")
        if answer.status_code == 429 or answer.status_code >= 500:
            return ServerBusy(
                f"PubMed is overloaded ({answer.status_code}: {said})",
                where=self._settings.url,
                fix="Try again later; an API key (CITEWELL_PUBMED__API_KEY) allows more.",
            )
        fix = "Check CITEWELL_PUBMED__API_KEY." if "api key" in said.casefold() else ""
        return ServerRefused(f"PubMed answered {answer.status_code}: {said}", where=self._settings.url, fix=fix)

    def _garbled(self, what: str) -> ServerGarbled:
        return ServerGarbled(f"what answers is not PubMed: {what}", where=self._settings.url, fix="Correct pubmed.url.")


def read_query(name: str, settings: PubMedSettings) -> Records:
    """The records that `pubmed:QUERY` finds, as a reader yields those of a file; errors as `Entrez.search`."""
    with closing(Entrez(settings)) as entrez:
        yield from entrez.fetch(entrez.search(name.removeprefix(QUERY), settings.limit), name)


def read_changes(queries: Mapping[str, date], stored: Sequence[str], since: date, settings: PubMedSettings) -> Records:
    """What PubMed has new for these queries, and what it has changed of the records that are stored; errors as `Entrez.search`.

    Args:
        queries: `pubmed:QUERY` and the day it was last asked.
        stored: PubMed numbers of stored records.
        since: the day they were last compared with PubMed.
        settings: where PubMed is.
    """
    with closing(Entrez(settings)) as entrez:
        fetched: set[str] = set()
        for name, asked in queries.items():
            new = [n for n in entrez.search(name.removeprefix(QUERY), settings.limit, asked) if n not in fetched]
            fetched.update(new)
            yield from entrez.fetch(new, name)
        changed = [n for n in entrez.changed([n for n in stored if n not in fetched], since) if n not in fetched]
        yield from entrez.fetch(changed, "pubmed")

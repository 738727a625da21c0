"""NCBI's E-utilities over a real socket, for what citewell asks of them: esearch and efetch, over records of the test's.

It matches a query by its words, knows `NNN[uid]` and `AND 2026/01/31:3000[mdat]`, and answers in PubMed's forms.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

from aiohttp import web

from tests.support import faults
from tests.support.local_server import LocalServer, Recorded

_SINCE = re.compile(r"^\((.*)\) AND (\d{4}/\d\d/\d\d):3000\[mdat\]$")
_ENVELOPE = '<?xml version="1.0" ?>\n<!DOCTYPE PubmedArticleSet PUBLIC "-//NLM//DTD PubMedArticle, 1st January 2025//EN" "https://dtd.nlm.nih.gov/ncbi/pubmed/out/pubmed_250101.dtd">\n<PubmedArticleSet>{}</PubmedArticleSet>'


@dataclass
class Article:
    """A record as PubMed has it: its XML, and the day it was last changed (YYYY/MM/DD)."""

    number: str
    xml: str
    changed: str = "2026/01/01"


def article(number: str, title: str, text: str, kind: str = "Journal Article", links: str = "") -> str:
    """The XML of a small record."""
    return (
        f'<PubmedArticle><MedlineCitation><PMID Version="1">{number}</PMID><Article><Journal><JournalIssue><PubDate>'
        f"<Year>2020</Year></PubDate></JournalIssue><Title>J Test</Title></Journal><ArticleTitle>{title}</ArticleTitle>"
        f"<Abstract><AbstractText>{text}</AbstractText></Abstract><PublicationTypeList><PublicationType>{kind}"
        f"</PublicationType></PublicationTypeList></Article>{links}</MedlineCitation></PubmedArticle>"
    )


class EntrezServer(LocalServer):
    """Set `articles` at any time; `times` holds when each request came."""

    def __init__(self) -> None:
        super().__init__()
        self.articles: dict[str, Article] = {}
        self.times: list[float] = []

    @property
    def url(self) -> str:
        """As the setting `pubmed.url` wants it."""
        return f"http://127.0.0.1:{self.port}/entrez/eutils"

    def put(self, *articles: Article) -> None:
        """Add records, or put new versions in their places."""
        self.articles.update({one.number: one for one in articles})

    def refusal(self, recorded: Recorded) -> web.Response | None:
        """NCBI refuses a wrong API key with status 400."""
        self.times.append(time.monotonic())
        if self.api_key is not None and recorded.body.get("api_key") != self.api_key:
            return web.json_response({"error": "API key invalid", "api-key": recorded.body.get("api_key")}, status=400)
        return None

    async def respond(self, request: web.Request, recorded: Recorded, fault: faults.Fault | None) -> web.StreamResponse:
        """Esearch in JSON, efetch in XML."""
        if recorded.path.endswith("/esearch.fcgi"):
            return web.json_response({"esearchresult": self._search(recorded.body)})
        wanted = recorded.body["id"].split(",")
        found = "\n".join(self.articles[number].xml for number in wanted if number in self.articles)
        return web.Response(text=_ENVELOPE.format(found), content_type="text/xml")

    def _search(self, form: dict[str, str]) -> dict[str, object]:
        term, since = form["term"], ""
        if not term.strip("() "):
            return {"ERROR": "Empty term and query_key - nothing todo"}
        if match := _SINCE.match(term):
            term, since = match[1], match[2]
        if numbers := re.findall(r"(\d+)\[uid\]", term):
            found = [one for number in numbers if (one := self.articles.get(number))]
        else:
            words = [word.casefold() for word in re.findall(r"\w+", term) if word != "AND"]
            found = [one for one in self.articles.values() if all(word in one.xml.casefold() for word in words)]
        ids = [one.number for one in found if one.changed >= since][: int(form["retmax"])]
        answer: dict[str, object] = {"count": str(len(ids)), "retmax": form["retmax"], "idlist": ids}
        return answer if ids else {**answer, "errorlist": {"phrasesnotfound": [term], "fieldsnotfound": []}}

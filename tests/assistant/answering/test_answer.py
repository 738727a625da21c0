"""What an answer's parts derive: the address of a source."""

from __future__ import annotations

from typing import Any

import pytest

from tests.assistant.answering.examples import source

_DOI = "https://doi.org/10.1000/xyz"
_PUBMED = "https://pubmed.ncbi.nlm.nih.gov/12/"


@pytest.mark.parametrize(
    ("metadata", "url"),
    [
        ({"url": "https://example.org/a", "doi": "10.1000/xyz"}, "https://example.org/a"),
        ({"doi": "10.1000/xyz", "pmid": "12"}, _DOI),
        ({"doi": "https://doi.org/10.1000/XYZ"}, _DOI),
        ({"doi": "doi: 10.1000/xyz"}, _DOI),
        ({"doi": "none", "pmid": "PMID: 12"}, _PUBMED),
        ({"pmid": 12}, _PUBMED),
        ({"pmid": "12.0"}, _PUBMED),
        ({"url": "javascript:alert(1)"}, None),
        ({"url": "file:///etc/passwd", "pmid": 12}, _PUBMED),
        ({"url": ["https://example.org/a"], "pmid": {"x": 1}}, None),
        ({"url": "https://"}, None),
        ({}, None),
    ],
    ids=str,
)
def test_a_source_is_linked_to_the_web_or_not_at_all(metadata: dict[str, Any], url: str | None) -> None:
    """However a corpus spells an identifier, the link leads to the article, and to nothing but a web page."""
    assert source(metadata=metadata).url == url

"""JATS: the whole article as text that can be cut and cited."""

from __future__ import annotations

from tests.ingest.readers.reading import one, parted, read, refused

META = """<front><journal-meta><journal-title-group><journal-title>The Journal</journal-title></journal-title-group></journal-meta>
<article-meta><article-id pub-id-type="pmc">12345</article-id><article-id pub-id-type="doi">10.1000/X</article-id>
<title-group><article-title>A <italic>title</italic></article-title><subtitle>below</subtitle></title-group>
<contrib-group><contrib contrib-type="author"><name><surname>Li</surname><given-names>Na</given-names></name></contrib>
<contrib contrib-type="author"><collab>The Group</collab></contrib>
<contrib contrib-type="editor"><name><surname>Ed</surname></name></contrib></contrib-group>
<pub-date pub-type="epub"><year>2010</year></pub-date><pub-date pub-type="ppub"><year>2011</year></pub-date>
<fpage>1</fpage><lpage>9</lpage>
<related-article related-article-type="retraction-forward" ext-link-type="pubmed" xlink:href="99"/>
<abstract><sec><title>Aim</title><p>Why.</p></sec></abstract><abstract abstract-type="graphical"><p>Picture.</p></abstract>
<kwd-group><kwd>asthma</kwd></kwd-group></article-meta></front>"""


def article(body: str = "", meta: str = META, kind: str = "research-article") -> str:
    """One article."""
    spaces = 'xmlns:xlink="http://www.w3.org/1999/xlink" xml:lang="en-GB"'
    return f'<article {spaces} article-type="{kind}">{meta}<body>{body}</body><back><ref-list><ref>Ref.</ref></ref-list></back></article>'


def text(body: str) -> str:
    """The body's part of the text."""
    return one("jats", article(body)).text.partition("Why.\n\n")[2]


def test_what_an_article_says_of_itself_is_kept() -> None:
    """The keys are those of PubMed's records; the editor is no author, the print year comes first."""
    kept = one("jats", article("<p>B.</p>"))
    assert (kept.id, kept.title, kept.origin) == ("doi:10.1000/x", "A title: below", "f:record 1")
    assert kept.text == "## Abstract\n\n### Aim\n\nWhy.\n\nB."
    expected = {
        "authors": ["Li, Na", "The Group"],
        "journal": "The Journal",
        "year": 2011,
        "lang": "en",
        "pmcid": "PMC12345",
        "pages": "1-9",
        "keywords": ["asthma"],
        "retracted": True,
        "corrections": [{"kind": "RetractionIn", "pmid": "99", "source": "99"}],
    }
    assert {key: kept.metadata[key] for key in expected} == expected


def test_sections_keep_their_names_and_empty_ones_vanish() -> None:
    """A passage shows under which heading it stands; the deeper, the more “#”."""
    body = "<sec><title>Methods</title><sec><title>Patients</title><p>Ten.</p></sec></sec><sec><title>Data</title><supplementary-material/></sec>"
    assert text(body) == "## Methods\n\n### Patients\n\nTen."


def test_references_leave_no_trace() -> None:
    """Neither the list nor numbers in brackets, which an answer's own citations could be taken for."""
    ref = '<xref ref-type="bibr" rid="b">{}</xref>'
    brackets = (
        f"Shown before [{ref.format(1)},{ref.format(2)}–{ref.format(3)}], and {ref.format('[4]')}, {ref.format('[5]')}."
    )
    assert text(f"<p>{brackets}</p>") == "Shown before, and."
    raised = f"Li et al.<sup>{ref.format(6)}</sup> found 5 (2009) [95% CI 1, 2]."
    assert text(f"<p>{raised}</p>") == "Li et al. found 5 (2009) [95% CI 1, 2]."


def test_tables_figures_and_lists_are_lines() -> None:
    """Rows with their cells apart, captions with their labels, also where they stand inside a paragraph."""
    table = (
        "<table-wrap><label>Table 1.</label><caption><title>Doses</title></caption><table><tr><th>Drug</th><th>mg</th></tr>"
        "<tr><td>A</td><td>5<sup>a</sup></td></tr></table><table-wrap-foot><p>a: daily</p></table-wrap-foot></table-wrap>"
    )
    figure = "<fig><label>Figure 2</label><caption><p>Survival.</p></caption><graphic/></fig>"
    items = "<list><list-item><p>one</p></list-item><list-item><p>two</p></list-item></list>"
    assert text(f"<p>Before {table}after.</p>{figure}{items}") == (
        "Before after.\n\nTable 1. Doses\nDrug | mg\nA | 5^a\na: daily\n\nFigure 2. Survival.\n\n- one\n- two"
    )


def test_kinds_of_articles_are_kinds_of_evidence() -> None:
    """A correction is no study, a case report is one."""
    assert one("jats", article("<p>B.</p>", kind="correction")).metadata["type"] == "erratum"
    assert one("jats", article("<p>B.</p>", kind="case-report")).metadata["type"] == "case report"
    assert one("jats", article("<p>B.</p>", kind="review-article")).metadata["type"] == "review"


def test_sets_of_articles_are_read_one_by_one() -> None:
    """A search answers with a set, publishers use namespaces; an article without its front is told."""
    found = read("jats", f"<pmc-articleset>{article()}<article><body/></article>{article()}</pmc-articleset>")
    assert parted(found) == (["A title: below"] * 2, ["f:record 2"])
    spaced = article().replace("<article ", '<article xmlns="http://jats.nlm.nih.gov" ')
    assert one("jats", spaced).title == "A title: below"


def test_a_file_that_is_no_article_is_told() -> None:
    """Any other XML gives one complaint."""
    assert "JATS" in refused("jats", "<note><to>you</to></note>").reason

"""All the files in ../shared/data/formats, as the world writes them: every record accounted for."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest

from ingest.documents import Document
from ingest.readers import registry
from ingest.readers.base import Rejected

FORMATS = Path(__file__).resolve().parents[4] / "shared" / "data" / "formats"

pytestmark = pytest.mark.skipif(not FORMATS.is_dir(), reason="no ../shared/data/formats beside the checkout")

# File → documents, rejects.
COUNTS = {
    "README.md": (1, 0),
    "csv/asreview_generic_labels.csv": (6, 0),
    "csv/cohen_UrinaryIncontinence.csv": (309, 18),  # 18 rows have a PubMed number, but neither title nor abstract
    "csv/embase.csv": (6, 0),
    "csv/generic_tab.tsv": (2, 0),
    "jats/1471-2180-11-174.nxml": (1, 0),
    "jats/1472-6831-8-11.nxml": (1, 0),
    "jats/biopython_efetch_pmc.xml": (1, 0),
    "jats/ehp-116-1694.nxml": (1, 0),
    "jats/mds526.nxml": (1, 0),
    "jats/pntd.0002065.nxml": (1, 0),
    "jats/pone.0000217.nxml": (1, 0),
    "jats/pone.0046493.nxml": (1, 0),
    "medline/biopython_pubmed_result1.txt": (1, 0),
    "medline/biopython_pubmed_result2.txt": (4, 0),
    "medline/biopython_pubmed_result3.txt": (1, 0),
    "medline/pmc_medlars.txt": (5, 0),
    "medline/pubmed-balloongui-set.nbib": (75, 0),
    "medline/single.nbib": (1, 0),
    "pdf/agyeman-duah2014_quality_improvement_CCBY2.pdf": (1, 0),
    "pdf/clinsci2014_ACE_fragment_design_CCBY3.pdf": (1, 0),
    "pdf/datta2010_dvt_prophylaxis_CCBY2.pdf": (1, 0),
    "pdf/tully2010_rehab_CCBY.pdf": (1, 0),
    "pdf/webb2017_vespa_bioinformatics_CCBY4.pdf": (1, 0),
    "pubmed_xml/biopython_pubmed1.xml": (2, 0),
    "pubmed_xml/biopython_pubmed2.xml": (2, 0),
    "pubmed_xml/biopython_pubmed4.xml": (1, 0),
    "pubmed_xml/biopython_pubmed5.xml": (1, 0),
    "pubmed_xml/biopython_pubmed6.xml": (1, 0),
    "pubmed_xml/biopython_pubmed7.xml": (1, 0),
    "pubmed_xml/pubmed-29768149.xml": (1, 0),
    "ris/baseline.ris": (100, 0),
    "ris/baseline_tag-notes_labels.ris": (32, 0),
    "ris/embase.ris": (6, 0),
    "ris/ovid_zotero.ris": (6, 0),
    "ris/pubmed_zotero.ris": (6, 0),
    "ris/schoot-ptsd-included-1.ris": (363, 0),
}


def read(name: str) -> tuple[list[Document], list[Rejected]]:
    """All that comes of a file."""
    found = list(registry.read(str(FORMATS / name)))
    return [d for d in found if isinstance(d, Document)], [r for r in found if isinstance(r, Rejected)]


def raw_count(path: Path) -> int:
    """Records by the simplest means there are: what begins one, counted in the raw file."""
    text = path.read_bytes().decode("utf-8-sig")
    begins = {
        ".ris": r"(?m)^TY  - ",
        ".nbib": r"(?m)^PMID- ",
        ".txt": r"(?m)^PMID- ",
        ".xml": r"<PubmedArticle>|<article ",
        ".nxml": "<article ",
    }
    if path.suffix in {".csv", ".tsv"}:
        return len(
            list(csv.DictReader(io.StringIO(text, newline=""), delimiter="\t" if path.suffix == ".tsv" else ","))
        )
    return len(re.findall(begins[path.suffix], text)) if path.suffix in begins else 1


@pytest.mark.parametrize("name", COUNTS)
def test_every_record_is_accounted_for(name: str) -> None:
    """As many documents and rejects as the raw file has records; each can be found, cited and told apart."""
    documents, rejects = read(name)
    assert (len(documents), len(rejects)) == COUNTS[name]
    if not name.endswith(".pdf"):
        assert len(documents) + len(rejects) == raw_count(FORMATS / name)
    assert len({d.id for d in documents}) == len(documents)
    for document in documents:
        assert document.title
        assert document.text
        assert document.hash
        assert document.origin.startswith(str(FORMATS / name))


def test_no_file_is_forgotten() -> None:
    """The table above names every file, and the folder as a whole reads all of them."""
    found = [Path(name).relative_to(FORMATS).as_posix() for name in registry.find_files([str(FORMATS)])]
    assert found == sorted(COUNTS)


def test_the_rejected_rows_really_hold_nothing() -> None:
    """The 18 of the screening data set: each line told is one whose title and abstract are blank."""
    _, rejects = read("csv/cohen_UrinaryIncontinence.csv")
    with (FORMATS / "csv/cohen_UrinaryIncontinence.csv").open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        blank = [rows.line_num for row in rows if not row["title"].strip() and not row["abstract"].strip()]
    assert [int(record.origin.rpartition(":")[2]) for record in rejects] == blank
    assert {record.reason for record in rejects} == {"neither a title nor an abstract"}


def test_one_article_from_two_exports_is_one_document() -> None:
    """Embase's RIS and its CSV of the same search, and one record in two MEDLINE files, have the same ids."""
    assert {d.id for d in read("ris/embase.ris")[0]} == {d.id for d in read("csv/embase.csv")[0]}
    (single,), _ = read("medline/single.nbib")
    assert single.id in {d.id for d in read("medline/pubmed-balloongui-set.nbib")[0]}


def test_what_is_known_of_them_is_derived() -> None:
    """Looked up by hand in the files."""
    (trial,), _ = read("pubmed_xml/pubmed-29768149.xml")
    assert (trial.id, trial.metadata["type"], trial.metadata["year"]) == (
        "PMID_29768149",
        "randomized controlled trial",
        2018,
    )
    assert trial.text.startswith("BACKGROUND: In patients with mild asthma")
    assert trial.text.count("\n") == 3
    (erratum,), _ = read("jats/biopython_efetch_pmc.xml")
    assert erratum.metadata["type"] == "erratum"
    (article,), _ = read("jats/mds526.nxml")
    assert "Stage I | 2219 45% | 8595 38%" in article.text
    assert "References" not in article.text
    (paper,), _ = read("pdf/datta2010_dvt_prophylaxis_CCBY2.pdf")
    assert {place.section for place in paper.places} >= {"Abstract", "Introduction", "Methods", "Conclusion"}
    assert paper.metadata["authors"][:2] == ["Datta, Indraneel", "Ball, Chad G"]
    assert (paper.id, paper.metadata["year"]) == ("doi:10.1186/1752-2897-4-1", 2010)
    assert "Velmahos" not in paper.text  # of the reference list

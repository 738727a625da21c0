"""One thing in a sentence changed, as a careless model changes it: a number, a unit, a direction, a negation, an entity.

The word lists are this file's own and know nothing of the checker's, so that the figures say something
about words the checker was not written for.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

Change = Callable[[str, random.Random], str | None]

_NUMBER = re.compile(r"(?<![\w.,/-])\d+(?:[.,]\d+)*(?![\w]*\d)(?!-?[A-Z])")
_WORDS = [
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "twenty",
    "thirty",
    "forty",
]
_UNITS = {
    "mg/dl": "mmol/l", "mg/kg": "g/kg", "ng/ml": "mg/ml", "mmol/l": "mg/dl", "mg": "g", "g": "mg", "kg": "g", "ml": "l",
    "years": "months", "months": "weeks", "weeks": "days", "days": "weeks", "hours": "minutes", "minutes": "hours",
    "year": "month", "month": "week", "week": "day", "day": "week", "hour": "minute", "h": "min", "mm Hg": "kPa",
    "mmHg": "kPa", "cm": "mm", "mm": "cm", "microg": "mg", "%": " mg", "mM": "nM", "nM": "mM", "nm": "mm", "min": "h",
}  # fmt: skip
_OPPOSITES = [
    ("increased", "decreased"), ("increase", "decrease"), ("increases", "reduces"), ("increasing", "decreasing"),
    ("higher", "lower"), ("high", "low"), ("more", "less"), ("greater", "smaller"), ("improved", "worsened"),
    ("improvement", "deterioration"), ("better", "worse"), ("reduced", "elevated"), ("reduction", "increase"),
    ("longer", "shorter"), ("positive", "negative"), ("positively", "negatively"), ("upregulated", "downregulated"),
    ("enhanced", "suppressed"), ("promotes", "inhibits"), ("activation", "inhibition"), ("superior", "inferior"),
    ("effective", "ineffective"), ("stimulates", "blocks"), ("before", "after"), ("safe", "unsafe"), ("rise", "fall"),
    ("faster", "slower"), ("most", "least"), ("benefit", "harm"), ("gain", "loss"), ("raised", "lowered"),
    ("stronger", "weaker"), ("early", "late"), ("presence", "absence"), ("risk", "protection"), ("similar", "different"),
]  # fmt: skip
_RANKS = {
    "first": "third", "second": "fifth", "once": "twice", "twice": "once", "daily": "weekly", "weekly": "daily",
    "monthly": "daily", "annual": "monthly", "doubled": "tripled", "double": "triple",
}  # fmt: skip
_DONE = {
    "increased": "increase", "decreased": "decrease", "reduced": "reduce", "improved": "improve", "showed": "show",
    "caused": "cause", "induced": "induce", "inhibited": "inhibit", "prevented": "prevent", "predicted": "predict",
    "affected": "affect", "enhanced": "enhance", "led": "lead", "received": "receive", "developed": "develop",
}  # fmt: skip
_DRUGS = [
    "aspirin",
    "ibuprofen",
    "metformin",
    "warfarin",
    "simvastatin",
    "atorvastatin",
    "enalapril",
    "lisinopril",
    "captopril",
    "losartan",
    "omeprazole",
    "prednisone",
    "insulin",
    "tamoxifen",
    "fluoxetine",
    "olanzapine",
    "risperidone",
    "clozapine",
    "estrogen",
    "heparin",
    "digoxin",
    "morphine",
    "amoxicillin",
    "ciprofloxacin",
    "cisplatin",
    "paclitaxel",
    "methotrexate",
    "rituximab",
    "clopidogrel",
    "levothyroxine",
]
_DISEASES = [
    "diabetes",
    "asthma",
    "hypertension",
    "stroke",
    "obesity",
    "schizophrenia",
    "depression",
    "epilepsy",
    "malaria",
    "tuberculosis",
    "HIV",
    "pneumonia",
    "sepsis",
    "osteoporosis",
    "arthritis",
    "psoriasis",
    "migraine",
    "dementia",
    "anemia",
    "cirrhosis",
    "hepatitis",
    "leukemia",
    "lymphoma",
    "melanoma",
    "cancer",
]
_GENES = [
    "TP53",
    "BRCA1",
    "EGFR",
    "KRAS",
    "MYC",
    "PTEN",
    "APOE",
    "CFTR",
    "VEGF",
    "IL-6",
    "TNF-alpha",
    "STAT3",
    "GATA3",
    "NOTCH1",
    "CD4",
    "CD8",
    "SOX2",
    "FOXP3",
]
_GENE = re.compile(r"\b(?:[A-Z]{2,}[a-z]?-?\d+[A-Za-z]?|[A-Z][a-z]{2}\d{1,2}|[A-Z]{3,5})\b")
# Words with such an ending that name no drug, condition or molecule.
_ORDINARY = """
    combine determine examine medicine routine within obtain remain certain contain protein proteins main
    maintain decline baseline provide include evaluate estimate demonstrate investigate indicate rate
    associate separate appropriate candidate alone someone increase decrease disease purpose database
    phase release because case base online define outline explain again domain train brain skin gain pain
    strain chain coin join begin climate moderate state date private immediate ultimate approximate side
    wide outside beside decide guide divide inside worldwide aside coincide suicide vaccine machine spine
    marine feminine discipline line nine genuine fine imagine incubate correlate calculate facilitate
    mediate regulate modulate stimulate generate activate alternate adequate accurate elevate elaborate
    intermediate initiate isolate late milestone cornerstone undergone gone done anyone everyone zone
    tone stone prone
"""


def number(sentence: str, rng: random.Random) -> str | None:
    """Another value: a digit too many, digits swapped, a different count, another number word."""
    found = [m for m in _NUMBER.finditer(sentence) if not 1900 < _value(m[0]) < 2030]
    words = list(re.finditer(rf"\b(?:{'|'.join(_WORDS)})\b", sentence))
    if words and (not found or rng.random() < 0.2):
        word = rng.choice(words)
        return _put(sentence, word, rng.choice([w for w in _WORDS if w != word[0]]))
    if not found:
        return None
    match = rng.choice(found)
    digits = match[0]
    options = [
        digits + "0" if "." not in digits else digits.replace(".", ""),
        digits[::-1] if digits.isdigit() and digits[0] != "0" and digits[-1] != "0" else digits,
        str(int(digits) + rng.randint(1, 9)) if digits.isdigit() else digits[:-1] + str((int(digits[-1]) + 3) % 10),
        str(int(digits) * 2) if digits.isdigit() else "9" + digits,
    ]
    options = [o for o in options if _value(o) != _value(digits)]
    return _put(sentence, match, rng.choice(options)) if options else None


def comparator(sentence: str, rng: random.Random) -> str | None:
    """P < 0.05 becomes p > 0.05."""
    found = list(re.finditer(r"(?<=[Pp])\s?([<>])", sentence))
    if not found:
        return None
    match = rng.choice(found)
    return _put(sentence, match, match[0].translate({60: ">", 62: "<"}))


def unit(sentence: str, rng: random.Random) -> str | None:
    """The same figure in another unit."""
    pattern = "|".join(re.escape(u) for u in sorted(_UNITS, key=len, reverse=True))
    found = list(re.finditer(rf"(?<=\d)([\s-]?)({pattern})(?![\w/])", sentence))
    if not found:
        return None
    match = rng.choice(found)
    return _put(sentence, match, match[1] + _UNITS[match[2]])


def direction(sentence: str, rng: random.Random) -> str | None:
    """A word replaced by its opposite."""
    opposite = dict(_OPPOSITES) | {b: a for a, b in _OPPOSITES}
    found = [m for m in re.finditer(r"\b[A-Za-z]+\b", sentence) if m[0].lower() in opposite]
    if not found:
        return None
    match = rng.choice(found)
    other = opposite[match[0].lower()]
    return _put(sentence, match, other.capitalize() if match[0][0].isupper() else other)


def exchanged(sentence: str, rng: random.Random) -> str | None:
    """Two figures change places: every one of them stands in the source."""
    found = list(_NUMBER.finditer(sentence))
    if len(found) < 2:
        return None
    one, other = sorted(rng.sample(found, 2), key=lambda match: match.start())
    if _value(one[0]) == _value(other[0]):
        return None
    return _put(_put(sentence, other, one[0]), one, other[0])


def ranked(sentence: str, rng: random.Random) -> str | None:
    """First becomes third, daily weekly."""
    found = list(re.finditer(rf"\b(?:{'|'.join(_RANKS)})\b", sentence))
    return _put(sentence, m := rng.choice(found), _RANKS[m[0]]) if found else None


def undone(sentence: str, rng: random.Random) -> str | None:
    """What was done did not happen, in one of three ways to say so."""
    found = list(re.finditer(rf"(?<=[a-z)] )(?:{'|'.join(_DONE)})(?= (?:the|a|an|to|that|in)\b)", sentence))
    found = [
        m
        for m in found
        if not re.search(r"\b(?:was|were|be|been|is|are|the|a|an|and|with|of|or)\W*$", sentence[: m.start()])
    ]
    if not found:
        return None
    match = rng.choice(found)
    return _put(sentence, match, rng.choice(["did not ", "never ", "failed to "]) + _DONE[match[0]])


def negated(sentence: str, rng: random.Random) -> str | None:
    """A “not” put in."""
    found = list(re.finditer(r"\b(was|were|is|are|has been|have been|can|may|should|will)\b(?! not| no|not)", sentence))
    if not found:
        return None
    match = rng.choice(found)
    first, *rest = match[0].split()
    return _put(sentence, match, " ".join([first, "not", *rest]))


def affirmed(sentence: str, rng: random.Random) -> str | None:
    """A negation taken out."""
    options = []
    for pattern, other in [
        (r"\b(did|does|do|was|were|is|are|has|have|could|can) not\b", r"\1"), (r"\bcannot\b", "can"), (r"\bno\b ", ""),
        (r"\bNo ([a-z])", r"A \1"), (r"\bwithout\b", "with"), (r"\bnot\b ", ""), (r"\bno\b", "a"), (r"\bfailed to\b", "managed to"),
        (r"\bNeither\b", "Both"), (r"\bnone of\b", "all of"), (r"\bnever\b", "always"),
    ]:  # fmt: skip
        options += [(m, m.expand(other)) for m in re.finditer(pattern, sentence)]
    return _put(sentence, *rng.choice(options)) if options else None


def drug(sentence: str, rng: random.Random) -> str | None:
    """A drug for another."""
    return _swapped(sentence, _DRUGS, rng)


def disease(sentence: str, rng: random.Random) -> str | None:
    """A condition for another."""
    return _swapped(sentence, _DISEASES, rng)


def gene(sentence: str, rng: random.Random) -> str | None:
    """A gene or an abbreviation for another."""
    found = list(_GENE.finditer(sentence))
    if not found or sentence.isupper():
        return None
    match = rng.choice(found)
    return _put(sentence, match, rng.choice([g for g in _GENES if g != match[0]]))


def foreign(others: Sequence[str]) -> Change:
    """A medical-looking word for one of another abstract (the two share an ending, as names of a kind do)."""
    endings = r"(?:itis|osis|oma|emia|aemia|opathy|olol|statin|pril|mab|nib|cillin|zole|pine|one|ine|ase|in|cyte|cytes|omas|ide|ate)"
    pattern = re.compile(rf"\b[a-z]{{4,}}{endings}\b")
    common = set(_ORDINARY.split())

    def change(sentence: str, rng: random.Random) -> str | None:
        found = [m for m in pattern.finditer(sentence) if m[0] not in common]
        if not found:
            return None
        match = rng.choice(found)
        ending = match[0][-3:]
        for text in rng.sample(others, min(60, len(others))):
            names = [w for w in pattern.findall(text) if w.endswith(ending) and w not in common and w not in sentence]
            if names:
                return _put(sentence, match, rng.choice(names))
        return None

    return change


_OTHER_WORDS = {
    "patients": "participants", "subjects": "patients", "showed": "demonstrated", "found": "observed", "significantly": "markedly",
    "study": "trial", "suggest": "indicate", "examined": "investigated", "children": "pediatric patients", "obtained": "collected",
    "assess": "evaluate", "in order to": "to", "percent": "%", "approximately": "about", "did not": "didn't", "therapy": "treatment",
    "tumor": "tumour", "ischemic": "ischaemic", "two": "2", "three": "3", "compared with": "versus", "whereas": "while",
    "however": "but", "also": "additionally", "important": "crucial", "role": "part", "performed": "carried out", "which": "that",
}  # fmt: skip


def in_other_words(sentence: str, rng: random.Random) -> str | None:
    """The same said in another word: no check may object."""
    found = list(re.finditer(rf"(?<!-)\b(?:{'|'.join(_OTHER_WORDS)})\b", sentence))
    return _put(sentence, m := rng.choice(found), _OTHER_WORDS[m[0]]) if found else None


def shortened(sentence: str, rng: random.Random) -> str | None:
    """A parenthesis or a leading word left out."""
    shorter = re.sub(r"^(?:[A-Z]{5,}:? |[A-Z][a-z]+, )| ?\([^()]*\)", "", sentence, count=1)
    return shorter[0].upper() + shorter[1:] if shorter != sentence and len(shorter) > 20 else None


def reset(sentence: str, rng: random.Random) -> str | None:
    """The same as another typesetter sets it: ligatures, dashes, decimal points, spaces, broken lines."""
    changed = sentence.replace("fi", "ﬁ").replace("fl", "ﬂ").replace("-", "‐")
    changed = re.sub(r"(?<=\d)\.(?=\d)", "·", changed)
    changed = re.sub(r"(?<=\d)\s?%", "\u202f%", changed)
    words = list(re.finditer(r"\b[a-z]{9,}\b", changed))
    if words:
        word = rng.choice(words)
        changed = _put(changed, word, f"{word[0][:4]}-\n{word[0][4:]}")
    return changed if changed != sentence else None


def _swapped(sentence: str, names: Sequence[str], rng: random.Random) -> str | None:
    found = list(re.finditer(rf"\b(?:{'|'.join(names)})\b", sentence, re.IGNORECASE))
    if not found:
        return None
    match = rng.choice(found)
    other = rng.choice([name for name in names if name.lower() not in sentence.lower()])
    return _put(sentence, match, other.capitalize() if match[0][0].isupper() else other)


def _put(sentence: str, match: re.Match[str], other: str) -> str:
    return sentence[: match.start()] + other + sentence[match.end() :]


def _value(digits: str) -> float:
    try:
        return float(digits.replace(",", ""))
    except ValueError:
        return -1.0

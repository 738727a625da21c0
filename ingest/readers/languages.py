"""Languages as MEDLINE (ISO 639-2), Embase (English names) and locales (en-GB) write them, to ISO 639-1."""

from __future__ import annotations

_TABLE = """
afr af afrikaans; alb sq albanian; sqi sq -; ara ar arabic; arm hy armenian; hye hy -; aze az azerbaijani
baq eu basque; eus eu -; bel be belarusian; ben bn bengali; bos bs bosnian; bul bg bulgarian; cat ca catalan
chi zh chinese; zho zh -; hrv hr croatian; scr hr -; cze cs czech; ces cs -; dan da danish; dut nl dutch; nld nl -
eng en english; epo eo esperanto; est et estonian; fin fi finnish; fre fr french; fra fr -; geo ka georgian
kat ka -; ger de german; deu de -; gla gd gaelic; gle ga irish; glg gl galician; gre el greek; ell el -; heb he hebrew
hin hi hindi; hun hu hungarian; ice is icelandic; isl is -; ind id indonesian; ita it italian; jpn ja japanese
kaz kk kazakh; kir ky kyrgyz; kor ko korean; lat la latin; lav lv latvian; lit lt lithuanian; mac mk macedonian
mkd mk -; mal ml malayalam; may ms malay; msa ms -; nor no norwegian; nob nb -; nno nn -; per fa persian; fas fa -
pol pl polish; por pt portuguese; rum ro romanian; ron ro -; rus ru russian; san sa sanskrit; slo sk slovak; slk sk -
slv sl slovenian; spa es spanish; srp sr serbian; scc sr -; swe sv swedish; tam ta tamil; tha th thai; tur tr turkish
ukr uk ukrainian; urd ur urdu; uzb uz uzbek; vie vi vietnamese; wel cy welsh; cym cy -
"""
_CODES: dict[str, str] = {}
for _row in _TABLE.replace("\n", ";").split(";"):
    if _row.strip():
        _long, _short, _name = _row.split()
        _CODES |= {_long: _short, _short: _short, _name: _short}


def language_code(name: str) -> str | None:
    """The two letters for a code, a locale or an English name; None for the undetermined (und, mul) and the unknown."""
    key = name.strip().lower()
    return _CODES.get(key) or _CODES.get(key.replace("_", "-").split("-")[0])

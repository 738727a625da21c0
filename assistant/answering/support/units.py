"""Units of measurement: which words are one, what they measure, and how they convert."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit by its short name, the dimension it measures, and its size in that dimension's base unit."""

    name: str
    dimension: str
    size: float


# dimension: short name = size in the base unit, then other spellings.
_TABLE = """
mass: kg=1000 kilogram kilograms 千克 公斤; g=1 gram grams gm 克; mg=1e-3 milligram milligrams 毫克; ug=1e-6 mcg microg microgram micrograms 微克; ng=1e-9 nanogram nanograms 纳克; pg=1e-12 picogram picograms; lb=453.6 lbs pound pounds
volume: l=1 liter litre liters litres 升; dl=0.1 deciliter; ml=1e-3 milliliter millilitre milliliters 毫升 cc; ul=1e-6 microl microliter; fl=1e-15; nl=1e-9
amount: mol=1 mole moles; mmol=1e-3 millimole millimoles 毫摩尔; umol=1e-6 micromol micromole micromoles 微摩尔; nmol=1e-9 nanomol; pmol=1e-12 picomol; fmol=1e-15
molar: M=1; mM=1e-3 millimolar; uM=1e-6 microM micromolar; nM=1e-9 nanomolar; pM=1e-12
time: y=365.25 yr yrs year years 年; mo=30.4375 mos month months 个月 月; wk=7 wks week weeks 周 星期; d=1 day days 天 日; h=0.0416666667 hr hrs hour hours 小时; min=6.94444e-4 mins minute minutes 分钟; s=1.157407e-5 sec secs second seconds 秒; ms=1.157407e-8 msec millisecond milliseconds
length: km=1000 kilometer kilometers; m=1 meter metre meters metres 米; cm=0.01 centimeter centimeters centimetre 厘米; mm=1e-3 millimeter millimeters millimetre 毫米; um=1e-6 micron microns micrometer micrometers microm; nm=1e-9 nanometer nanometers
pressure: mmHg=1 毫米汞柱; kPa=7.50062; Pa=0.00750062; cmH2O=0.735559
energy: kcal=1 kilocalorie kilocalories 千卡; cal=1e-3 calorie calories; kJ=0.239006; J=2.39006e-4
radiation: Gy=1 gray grays; mGy=1e-3; cGy=0.01; Sv=1; mSv=1e-3
frequency: Hz=1; kHz=1e3; MHz=1e6; GHz=1e9; bpm=0.0166667
voltage: V=1; mV=1e-3
bases: bp=1; kb=1000; Mb=1e6
dose: IU=1; U=1 unit units 单位; mU=1e-3; uU=1e-6
"%": %=1 percent pct
point: point=1 points
degree: °=1 degree degrees
times: fold=1 times 倍
age: 岁=1
tablet: tablet=1 tablets 片 粒
"""
# After a number these are units; elsewhere they are letters or other words.
_ONLY_AFTER_NUMBER = frozenset(
    [
        "g",
        "l",
        "m",
        "h",
        "d",
        "s",
        "y",
        "M",
        "V",
        "J",
        "U",
        "A",
        "min",
        "sec",
        "second",
        "seconds",
        "ms",
        "fl",
        "times",
        "point",
        "points",
        "degree",
        "degrees",
        "unit",
        "units",
        "kb",
        "mb",
        "bp",
        "pound",
        "pounds",
        "pa",
        "gray",
        "mol",
        "mole",
        "moles",
        "cc",
        "cal",
        "mo",
        "wk",
        "克",
        "升",
        "月",
        "日",
        "周",
        "年",
        "天",
        "片",
        "粒",
        "米",
        "单位",
    ]
)


def _read_table() -> dict[str, Unit]:
    found: dict[str, Unit] = {}
    for line in _TABLE.strip().splitlines():
        dimension, _, entries = line.partition(": ")
        for entry in entries.split("; "):
            first, *others = entry.split()
            name, _, size = first.partition("=")
            unit = Unit(name, dimension.strip('"'), float(size))
            found |= dict.fromkeys([name, *others], unit)
    return found


_UNITS = _read_table()
_LOWER = {name.lower(): unit for name, unit in reversed(_UNITS.items())}
CHINESE = "|".join(sorted((name for name in _UNITS if "\u3400" <= name[0] <= "\u9fff"), key=len, reverse=True))


def find(text: str, *, follows_number: bool) -> Unit | None:
    """The unit of that name, as written or else in any case; None where it is none, or none there."""
    unit = _UNITS.get(text) or _LOWER.get(text.lower())
    if unit is None or (not follows_number and (len(text) == 1 or text.lower() in _ONLY_AFTER_NUMBER)):
        return None
    return unit


def named(name: str) -> Unit:
    """The unit of that short name."""
    return _UNITS[name]

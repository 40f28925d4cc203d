"""Numbers of a Word document's paragraphs, as Word shows them: "2.1", "(a)", "Article IV".

https://learn.microsoft.com/dotnet/api/documentformat.openxml.wordprocessing.numbering
"""

from __future__ import annotations

import re
from typing import Any

from docx.oxml.ns import qn

from ingestion.extract.docx_looks import toggle

LEVELS = 9
PLACE = re.compile(r"%([1-9])")
ROMAN = ((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"),
         (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))  # fmt: skip
AIUEO = (
    "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワヲン"
)
ROWS = {
    "ganada": "가나다라마바사아자차카타파하",
    "chosung": "ㄱㄴㄷㄹㅁㅂㅅㅇㅈㅊㅋㅌㅍㅎ",
    "aiueo": AIUEO,
    "aiueoFullWidth": AIUEO,
    "ideographTraditional": "甲乙丙丁戊己庚辛壬癸",
    "decimalEnclosedCircle": "①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳",
    "russianLower": "абвгдежзиклмнопрстуфхцчшщыэюя",
    "russianUpper": "АБВГДЕЖЗИКЛМНОПРСТУФХЦЧШЩЫЭЮЯ",
}
IDEOGRAPHS = ("japaneseCounting", "chineseCounting", "chineseCountingThousand",
              "taiwaneseCountingThousand", "ideographDigital", "koreanDigital2")  # fmt: skip
HANGUL = "일이삼사오육칠팔구"
HAN = "一二三四五六七八九"
DEEP = 12


class Numbering:
    """Counts as it is asked: `label` once for each paragraph, in the document's order."""

    def __init__(self, numbering: Any | None, styles: Any | None) -> None:
        self._styles = _by_id(styles, "w:style", "w:styleId")
        self._abstract = _by_id(numbering, "w:abstractNum", "w:abstractNumId")
        self._nums = _by_id(numbering, "w:num", "w:numId")
        self._counts: dict[str, list[int | None]] = {}
        self._begun: set[tuple[str, int]] = set()
        self._levels: dict[str, tuple[str, dict[int, Any], dict[int, int]]] = {}

    def label(self, paragraph: Any) -> str:
        """What stands before the paragraph: "-" for a bullet, empty if it is not numbered."""
        number, level = self._place(paragraph)
        if not number or number == "0":
            return ""
        if number not in self._nums:
            return "-"
        abstract, levels, starts = self._definition(number)
        counts = self._counts.setdefault(abstract, [None] * LEVELS)
        self._count(number, level, counts, levels, starts)
        found = levels.get(level)
        if found is None or _of(found, "w:lvlText") is None:
            return ""
        if _format(found) == "bullet":
            return "-"
        legal = toggle(found, "w:isLgl")

        def shown(place: re.Match[str]) -> str:
            at = int(place[1]) - 1
            value = counts[at]
            kind = _format(levels.get(at))
            if value is None:
                value = _start(levels.get(at))
            return spelled(value, "decimal" if legal and kind != "decimalZero" else kind)

        return PLACE.sub(shown, _of(found, "w:lvlText") or "").strip()

    def _count(
        self,
        number: str,
        level: int,
        counts: list[int | None],
        levels: dict[int, Any],
        starts: dict[int, int],
    ) -> None:
        before = counts[level]
        if level in starts and (number, level) not in self._begun:
            counts[level] = starts[level]
            self._begun.add((number, level))
        else:
            counts[level] = _start(levels.get(level)) if before is None else before + 1
        for deeper in range(level + 1, LEVELS):
            restart = _of(levels.get(deeper), "w:lvlRestart")
            if restart is None or (restart.isdecimal() and level < int(restart)):
                counts[deeper] = None

    def _place(self, paragraph: Any) -> tuple[str, int]:
        """The list and the level that a paragraph is in, by itself or by its style."""
        properties = paragraph.find(qn("w:pPr"))
        own = properties.find(qn("w:numPr")) if properties is not None else None
        number, level = _of(own, "w:numId"), _of(own, "w:ilvl")
        if number is not None:
            return number, _level(level)
        name = _of(properties, "w:pStyle") or ""
        for _ in range(DEEP):
            style = self._styles.get(name)
            if style is None:
                return "", 0
            found = style.find(f"{qn('w:pPr')}/{qn('w:numPr')}")
            number = _of(found, "w:numId")
            if number is not None:
                return number, _level(level or self._linked(number, name) or _of(found, "w:ilvl"))
            name = _of(style, "w:basedOn") or ""
        return "", 0

    def _linked(self, number: str, style: str) -> str | None:
        """The level of a list that is linked to a style."""
        if number not in self._nums:
            return None
        _, levels, _ = self._definition(number)
        found = (at for at, each in levels.items() if _of(each, "w:pStyle") == style)
        return next((str(at) for at in found), None)

    def _definition(self, number: str) -> tuple[str, dict[int, Any], dict[int, int]]:
        """The abstract list's id, its levels, and where this list begins to count differently."""
        if number in self._levels:
            return self._levels[number]
        num = self._nums[number]
        name = self._abstract_of(_of(num, "w:abstractNumId") or "")
        levels: dict[int, Any] = {}
        if name in self._abstract:
            levels = {_at(each): each for each in self._abstract[name].findall(qn("w:lvl"))}
        starts: dict[int, int] = {}
        for each in num.findall(qn("w:lvlOverride")):
            at, start = _at(each), _of(each, "w:startOverride")
            whole = each.find(qn("w:lvl"))
            if whole is not None:
                levels[at] = whole
            if start is not None and start.isdecimal():
                starts[at] = int(start)
        self._levels[number] = name, levels, starts
        return self._levels[number]

    def _abstract_of(self, name: str) -> str:
        """The list whose levels count, by way of the style that it may be linked to."""
        for _ in range(DEEP):
            style = self._styles.get(_of(self._abstract.get(name), "w:numStyleLink") or "")
            number = style.find(f".//{qn('w:numId')}") if style is not None else None
            num = self._nums.get(number.get(qn("w:val"))) if number is not None else None
            if num is None:
                break
            name = _of(num, "w:abstractNumId") or ""
        return name


def spelled(value: int, kind: str) -> str:
    """A number in one of Word's formats; in digits where we do not know the format."""
    text = str(value)
    match kind:
        case "none":
            text = ""
        case "decimalZero":
            text = f"{value:02}"
        case "lowerLetter" | "upperLetter" if value > 0:
            text = chr(ord("a") + (value - 1) % 26) * min((value - 1) // 26 + 1, 20)
        case "lowerRoman" | "upperRoman" if 0 < value < 5000:
            text, left = "", value
            for worth, sign in ROMAN:
                text += sign * (left // worth)
                left %= worth
        case "ordinal":
            odd = {1: "st", 2: "nd", 3: "rd"}
            text += "th" if value % 100 in (11, 12, 13) else odd.get(value % 10, "th")
        case "koreanDigital" | "koreanCounting" | "koreanLegal" if 0 < value < 100:
            text = _counted(value, HANGUL, "십")
        case _ if kind in IDEOGRAPHS and 0 < value < 100:
            text = _counted(value, HAN, "十")
        case _ if kind in ROWS and 0 < value <= len(ROWS[kind]):
            text = ROWS[kind][value - 1]
        case _:
            pass
    return text.upper() if kind in ("upperLetter", "upperRoman") else text


def _counted(value: int, digits: str, ten: str) -> str:
    tens, ones = divmod(value, 10)
    return (digits[tens - 1] if tens > 1 else "") + ten * (tens > 0) + digits[ones - 1] * (ones > 0)


def _by_id(root: Any | None, tag: str, name: str) -> dict[str, Any]:
    found = root.iter(qn(tag)) if root is not None else ()
    return {each.get(qn(name), ""): each for each in found}


def _of(element: Any | None, tag: str) -> str | None:
    """The value of a child."""
    found = element.find(qn(tag)) if element is not None else None
    return None if found is None else str(found.get(qn("w:val"), ""))


def _format(level: Any | None) -> str:
    found = next(level.iter(qn("w:numFmt")), None) if level is not None else None
    return "decimal" if found is None else str(found.get(qn("w:val"), "decimal"))


def _start(level: Any | None) -> int:
    start = _of(level, "w:start")
    return int(start) if start is not None and start.isdecimal() else int(level is None)


def _level(text: str | None) -> int:
    return min(int(text), LEVELS - 1) if text and text.isdecimal() else 0


def _at(element: Any) -> int:
    return _level(element.get(qn("w:ilvl")))

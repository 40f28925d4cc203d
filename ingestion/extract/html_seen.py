"""Remove from a web page what is invisible when it is displayed.

Styles come from the page itself, with its style sheets in order of precedence; nothing is fetched.
Of a selector only the last part is matched exactly, and the others loosely (somewhere above), so
that a rule never counts for less than in a browser. A colour hides text only if the background is
certain. `aria-hidden` hides from screen readers, not from the eye.
https://www.w3.org/TR/css-cascade-4/#cascade-sort
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ingestion.extract.html_colours import colour

_UNSEEN = "script style template noscript head iframe object svg math select"
UNSEEN = frozenset(_UNSEEN.split())
COMMENT = re.compile(r"/\*.*?\*/", re.S)
RULE = re.compile(r"([^{}]{1,2000})\{([^{}]{0,4000})\}")
AT = re.compile(r"@(media|supports|layer)\b([^{};]{0,300})\{", re.I)
FOR_PAPER = re.compile(r"\bprint\b|\bspeech\b", re.I)
PART = re.compile(r"(?P<tag>^[a-z][\w-]*|^\*)|#(?P<id>[\w-]+)|\.(?P<class>[\w-]+)", re.I)
MOST_RULES = 5000
FAR = 400.0
"""Pixels beyond the left or top edge from which something counts as off the page."""
LENGTH = re.compile(r"(-?(?:\d+\.?\d*|\.\d+))(px|pt|em|rem|vw|vh|%|)\Z", re.I)
PIXELS = {"px": 1.0, "": 1.0, "pt": 4 / 3, "em": 16.0, "rem": 16.0, "vw": 13.0, "vh": 8.0}
INHERITED = ("inherit", "initial", "unset", "revert", "currentcolor")
NEAR = 10
SCREEN = 1280
WHITE = (255, 255, 255)

Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class _Rule:
    weight: tuple[int, int, int]
    tag: str
    id: str
    classes: frozenset[str]
    above: tuple[frozenset[str], ...]
    """For each part before the last: the names that one ancestor must have."""
    declared: Mapping[str, tuple[str, bool]]


@dataclass(frozen=True, slots=True)
class _Look:
    """The inherited properties of an element; a colour is None if it is uncertain."""

    ink: Colour | None = (0, 0, 0)
    behind: Colour | None = WHITE
    size: float = 16.0


def prune(root: Any) -> None:
    """Remove the elements and text that are invisible."""
    fetched = any("stylesheet" in each.get("rel", "").lower() for each in root.iter("link"))
    _prune(root, _Look(behind=None if fetched else WHITE), _rules(root), ())


def _prune(
    element: Any, above: _Look, rules: Mapping[str, list[_Rule]], names: tuple[frozenset[str], ...]
) -> None:
    style = _style(element, rules, names)
    look = _look(style, above)
    if _faint(look):
        element.text = ""
    here = (*names, _names(element))
    for child in list(element):
        if not isinstance(child.tag, str) or _hidden(child, _style(child, rules, here)):
            _without(child)
        else:
            _prune(child, look, rules, here)
            if _faint(look):
                child.tail = ""


def _without(child: Any) -> None:
    """Remove an element but keep the text after it."""
    parent, before = child.getparent(), child.getprevious()
    if child.tail and before is not None:
        before.tail = (before.tail or "") + child.tail
    elif child.tail:
        parent.text = (parent.text or "") + child.tail
    parent.remove(child)


def _hidden(element: Any, style: Mapping[str, str]) -> bool:
    tag = element.tag.lower()
    if (
        tag in UNSEEN
        or "hidden" in element.attrib
        or (tag == "dialog" and "open" not in element.attrib)
    ):
        return True
    if style.get("display") == "none" or style.get("visibility") in ("hidden", "collapse"):
        return True
    if _number(style.get("opacity", "1")) <= 0.02:
        return True
    return _clipped(style) or _away(style)


def _clipped(style: Mapping[str, str]) -> bool:
    clip = style.get("clip", "").replace(" ", "").replace(",", "")
    if re.match(r"rect\((?:[01](?:px)?){4}\)", clip):
        return True
    inset = re.match(r"(?:inset|circle|ellipse)\(\s*([\d.]+)(%|px|)", style.get("clip-path", ""))
    if inset and (inset[2] == "%" and float(inset[1]) >= 50) == style["clip-path"].startswith(
        "inset"
    ):
        return True
    if re.search(r"scale[xy3d]*\(\s*0?\.?0+\s*[,)]", style.get("transform", "")):
        return True
    cut = "hidden" in style.get("overflow", "") or "clip" in style.get("overflow", "")
    sides = (style.get(name, "auto") for name in ("width", "height", "max-width", "max-height"))
    return cut and any(0 <= _pixels(side, 99) <= 1 for side in sides)


def _away(style: Mapping[str, str]) -> bool:
    """Whether it starts far beyond an edge of the page; a percentage of its own size only centres
    it."""
    moved = [_pixels(style.get("text-indent", "0"))]
    moved += [_pixels(style.get(name, "0"), share=0) for name in ("margin-left", "margin-top")]
    if style.get("position") in ("absolute", "fixed", "relative"):
        beside = [_pixels(style.get(side, "0")) for side in ("left", "top", "right", "bottom")]
        moved += [*beside[:2], *(-each for each in beside if each > 4 * FAR)]
    shifts = re.findall(r"-[\d.]+\w*%?", style.get("transform", ""))
    moved += [_pixels(each, share=0) for each in shifts]
    return min(moved) <= -FAR


def _look(style: Mapping[str, str], above: _Look) -> _Look:
    look = above
    if style.get("color", "inherit") not in INHERITED:
        look = replace(look, ink=colour(style["color"]))
    ground = style.get("background-color") or style.get("background", "")
    if ground and ground not in ("none", "transparent", *INHERITED):
        look = replace(look, behind=colour(ground))
    if style.get("background-image", "none") != "none":
        look = replace(look, behind=None)
    size = style.get("font-size", "")
    if size.endswith(("em", "%")) and not size.endswith("rem") and LENGTH.match(size):
        share = _number(size.rstrip("em%")) / (100 if size.endswith("%") else 1)
        look = replace(look, size=above.size * share)
    elif LENGTH.match(size):
        look = replace(look, size=_pixels(size))
    return look


def _faint(look: _Look) -> bool:
    """Whether text with these properties is too small to see, or in its background's colour."""
    if look.size <= 2:
        return True
    if look.ink is None or look.behind is None:
        return False
    return all(abs(a - b) <= NEAR for a, b in zip(look.ink, look.behind, strict=True))


# style sheets


def _rules(root: Any) -> Mapping[str, list[_Rule]]:
    """Return the rules by what their last part selects: `#id`, `.class`, a tag, or `*`."""
    found: dict[str, list[_Rule]] = {}
    count = 0
    for sheet in root.iter("style"):
        if FOR_PAPER.search(sheet.get("media", "")) and "screen" not in sheet.get("media", ""):
            continue
        for selectors, body in RULE.findall(_flat(COMMENT.sub("", sheet.text or ""))):
            declared = _declared(body)
            for selector in selectors.split(",") if declared else ():
                rule = _rule(selector.strip(), declared, count)
                if rule is None or count >= MOST_RULES:
                    continue
                count += 1
                key = f"#{rule.id}" if rule.id else next((f".{c}" for c in rule.classes), rule.tag)
                found.setdefault(key, []).append(rule)
    return found


def _flat(css: str) -> str:
    """Return the rules with those inside conditions unwrapped; rules for print are left out."""
    out, at = [], 0
    while opened := AT.search(css, at):
        out.append(css[at : opened.start()])
        depth, end = 1, opened.end()
        while depth and end < len(css):
            depth += {"{": 1, "}": -1}.get(css[end], 0)
            end += 1
        if _applies(opened[2]):
            out.append(_flat(css[opened.end() : end - 1]))
        at = end
    return "".join((*out, css[at:]))


def _applies(condition: str) -> bool:
    """Whether a media condition holds on a laptop's screen in a light colour scheme."""
    if FOR_PAPER.search(condition) or "dark" in condition:
        return False
    for edge, value in re.findall(r"(min|max)-width\s*:\s*([\d.]+\w*)", condition):
        if (_pixels(value) > SCREEN) == (edge == "min"):
            return False
    return True


def _rule(selector: str, declared: Mapping[str, tuple[str, bool]], order: int) -> _Rule | None:
    if ":" in selector.replace(":root", "") or "[" in selector or not selector:
        return None  # a state, or a pseudo-element
    *parts, last = re.split(r"\s*[>+~]\s*|\s+", selector.replace(":root", "html"))
    ids = classes = tags = 0
    above = []
    names: dict[str, list[str]] = {"tag": [], "id": [], "class": []}
    for part in (*parts, last):
        names = {"tag": [], "id": [], "class": []}
        for each in PART.finditer(part):
            names[each.lastgroup or "tag"].append(each[each.lastgroup or "tag"])
        ids, classes = ids + len(names["id"]), classes + len(names["class"])
        tags += len([tag for tag in names["tag"] if tag != "*"])
        wanted = {t.lower() for t in names["tag"] if t != "*"}
        wanted |= {f"#{i}" for i in names["id"]} | {f".{c}" for c in names["class"]}
        above.append(frozenset(wanted))
    tag = names["tag"][0].lower() if names["tag"] else "*"
    weight = (ids * 10_000 + classes * 100 + tags, order, 0)
    one = names["id"][0] if names["id"] else ""
    return _Rule(weight, tag, one, frozenset(names["class"]), tuple(above[:-1]), declared)


def _declared(body: str) -> dict[str, tuple[str, bool]]:
    """Return the properties with their values, and whether they are important."""
    found = {}
    for each in body.split(";"):
        name, colon, value = each.partition(":")
        if colon:
            value, important, _ = value.strip().lower().partition("!important")
            found[name.strip().lower()] = (value.strip(), bool(important))
    return found


def _style(
    element: Any, rules: Mapping[str, list[_Rule]], above: tuple[frozenset[str], ...]
) -> dict[str, str]:
    """Return the properties that apply to an element."""
    found: list[tuple[bool, tuple[int, int, int], str, str]] = []
    for rule in _matching(element, rules, above):
        for name, (value, important) in rule.declared.items():
            found.append((important, rule.weight, name, value))
    for name, (value, important) in _declared(element.get("style", "")).items():
        found.append((important, (10**9, 0, 0), name, value))
    for attribute, name in (("bgcolor", "background-color"), ("color", "color")):
        if element.get(attribute):
            found.append((False, (-1, 0, 0), name, element.get(attribute).lower()))
    return {name: value for _, _, name, value in sorted(found, key=lambda each: each[:2])}


def _matching(
    element: Any, rules: Mapping[str, list[_Rule]], above: tuple[frozenset[str], ...]
) -> Iterator[_Rule]:
    if not rules:
        return
    names = _names(element)
    for key in (*names, "*"):
        for rule in rules.get(key, ()):
            mine = rule.tag in ("*", element.tag.lower())
            mine = mine and (not rule.id or f"#{rule.id}" in names)
            mine = mine and all(f".{each}" in names for each in rule.classes)
            if mine and all(any(part <= each for each in (*above, names)) for part in rule.above):
                yield rule


def _names(element: Any) -> frozenset[str]:
    classes = (f".{each}" for each in element.get("class", "").split())
    named = (f"#{element.get('id')}",) if element.get("id") else ()
    return frozenset((element.tag.lower(), *named, *classes))


def _pixels(value: str, unknown: float = 0.0, *, share: float = 8.0) -> float:
    """Return a length in pixels; `share` is the value of one percent."""
    found = LENGTH.match(value.strip())
    if not found:
        return unknown
    return float(found[1]) * (share if found[2] == "%" else PIXELS[found[2].lower()])


def _number(value: str) -> float:
    try:
        return float(value.strip().rstrip("%")) / (100 if value.strip().endswith("%") else 1)
    except ValueError:
        return 1.0

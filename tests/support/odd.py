"""A recorded payload with one of its fields made odd: what no platform sends, until one does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

DEEP = "[" * 40 + "]" * 40
RAW = {
    "null": "null",
    "true": "true",
    "number": "-1.5e300",
    "huge number": "9" * 4000,
    "not a number": "NaN",
    "empty text": '""',
    "text": '"x"',
    "blank text": json.dumps("\u200b\u2060 \u00ad"),
    "half a character": r'"\ud83d a"',
    "control characters": r'"a\u0000b\nc/../d#e"',
    "long text": json.dumps("가" * 30_000),
    "empty list": "[]",
    "list": '["x", null, [[]], {"type": [], "id": {}, "text": 7, "content": [7], "user_id": 3}]',
    "object": '{"id": [], "type": {}, "": 7, "text": {"text": []}}',
    "deep": DEEP,
}
"""JSON by what it is."""
_HERE = "\ufffdHERE\ufffd"


@dataclass(frozen=True, slots=True)
class Odd:
    """`text` is JSON; `says` names what is odd about it."""

    says: str
    text: str


def odd(payload: dict[str, Any], seen: set[tuple[Any, ...]]) -> Iterator[Odd]:
    """Every field of a payload, those in lists and objects too, with every odd value in its place;
    and each one left out. What is `seen` of payloads of the same type is not given again."""
    event = payload.get("event", {})
    kind = (payload.get("type"), event.get("type"), event.get("subtype"), payload.get("name"))
    for path in _paths(payload):
        field = (kind, *(0 if isinstance(each, int) else each for each in path))
        if field in seen:
            continue
        seen.add(field)
        name = "/".join(map(str, path))
        marked = json.dumps(_with(payload, path, _HERE))
        for says, raw in RAW.items():
            yield Odd(f"{name}: {says}", marked.replace(json.dumps(_HERE), raw))
        yield Odd(f"{name}: left out", json.dumps(_without(payload, path)))


def _paths(value: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, inner in items:
        yield (*before, key)
        yield from _paths(inner, (*before, key))


def _with(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    changed = value.copy()
    changed[path[0]] = _with(value[path[0]], path[1:], new)
    return changed


def _without(value: Any, path: tuple[Any, ...]) -> Any:
    changed = value.copy()
    if len(path) == 1:
        del changed[path[0]]
    else:
        changed[path[0]] = _without(value[path[0]], path[1:])
    return changed

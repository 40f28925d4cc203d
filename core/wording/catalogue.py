"""Everything that people are told, by key: `phrase` fills in a text of `english.toml`.

A key is a text's path in that file, `reply.too_old`. A text with a number has a form for each
plural, of which `count` chooses. Another language is another such file; one whose plurals are not
English ones has a rule of its own.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

FORMS = frozenset({"zero", "one", "two", "few", "many", "other"})
"""Plurals of a text that has a number, as CLDR names them; `other` is always there."""

Text = str | Mapping[str, str]
"""A template, or one for each plural."""


def english_form(count: int) -> str:
    """The English plural form for a number."""
    return "one" if count == 1 else "other"


class Catalogue:
    """One language's texts. `form` names the plural that goes with a number."""

    def __init__(
        self, texts: Mapping[str, Text], form: Callable[[int], str] = english_form
    ) -> None:
        self.texts = MappingProxyType(dict(texts))
        self._form = form

    def phrase(self, key: str, values: Mapping[str, object]) -> str:
        """Raises KeyError for a key that is not there and for a value that is missing."""
        text = self.texts[key]
        if not isinstance(text, str):
            count = values["count"]
            text = text.get(self._form(count) if isinstance(count, int) else "", text["other"])
        return text.format_map(values)


def read(path: Path) -> dict[str, Text]:
    """The texts of a file, by key."""
    return dict(_flat(tomllib.loads(path.read_text(encoding="utf-8"))))


def _flat(table: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Text]]:
    for name, value in table.items():
        if isinstance(value, str) or FORMS.issuperset(value):
            yield above + name, value
        else:
            yield from _flat(value, f"{above}{name}.")


ENGLISH = Catalogue(read(Path(__file__).with_name("english.toml")))
current = ENGLISH
"""What people are told from. Texts are looked up when they are said, never at import."""


def phrase(key: str, **values: object) -> str:
    """The text of a key, filled in; `count` chooses its plural."""
    return current.phrase(key, values)

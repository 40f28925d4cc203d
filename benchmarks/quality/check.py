"""Checks that every answer stands in its document, and that the questions are what they say."""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from benchmarks.quality import corpus

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Question:
    """`answer` is a short stretch of the passage that answers, white space made plain."""

    id: str
    lang: str
    target: str
    question: str
    document: str = ""
    answer: str = ""

    @property
    def part(self) -> str:
        return f"{self.lang}→{self.target}"


def questions() -> list[Question]:
    return _read("questions.jsonl")


def unanswerable() -> list[Question]:
    return _read("unanswerable.jsonl")


def plain(text: str) -> str:
    return " ".join(text.split())


def main() -> None:
    texts: dict[str, str] = {}
    languages: dict[str, str] = {}
    for name, file, language in corpus.documents(corpus.cache()):
        texts[name] = plain("\n".join(block.text for block in corpus.blocks(file)))
        languages[name] = language
    wrong = [line for each in questions() for line in _wrong(each, texts)]
    ids = Counter(each.id for each in questions() + unanswerable())
    wrong += [f"{each}: {times} times" for each, times in ids.items() if times > 1]
    parts = Counter(each.part for each in questions())
    asked = Counter(each.lang for each in unanswerable())
    for package, held, wanted in corpus.versions(corpus.cache()):
        print(f"{package} {held}" + ("" if held.startswith(wanted) else f" (not {wanted})"))
    print(f"{len(texts)} documents:", dict(Counter(languages.values())))
    print("questions:", dict(parts), "unanswerable:", dict(asked))
    print("documents asked about:", len({each.document for each in questions()}))
    print("\n".join(wrong) or "every answer stands in its document")
    if wrong:
        sys.exit(1)


def _wrong(each: Question, texts: dict[str, str]) -> list[str]:
    if each.document not in texts:
        return [f"{each.id}: no document {each.document}"]
    found = []
    if each.answer not in texts[each.document]:
        found.append(f"{each.id}: {each.document} does not say “{each.answer}”")
    others = sum(each.answer in text for text in texts.values())
    if others > 3:
        found.append(f"{each.id}: {others} documents say “{each.answer}”")
    if not 8 <= len(each.answer) <= 120 or each.answer != plain(each.answer):
        found.append(f"{each.id}: the answer has {len(each.answer)} characters, or odd spaces")
    return found


def _read(name: str) -> list[Question]:
    lines = (_HERE / name).read_text(encoding="utf-8").splitlines()
    return [Question(**json.loads(line)) for line in lines if line]


if __name__ == "__main__":
    try:
        main()
    except corpus.NoCorpus as error:
        sys.exit(str(error))

"""The offline model's answers about documents: numbered quotes of the passages in its prompt."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

NOTE = "_This is the offline stand-in, not Claude: it can only quote what the files say._"
NOTHING = "I found nothing about this in this channel's files."
SAY = "The files here say:"
NEAR = "Nothing in the files here clearly answers this. The nearest I found:"
BEGIN = "<passages>"
WEAK = ' match="weak"'
PASSAGE = re.compile(r'<passage id="(\d+)"([^>]*)>\n(.*?)\n</passage>', re.S)
FILE = re.compile(r' file="([^"]*)"')
BLOCK = re.compile(r"<passages>.*?</passages>", re.S)
FILES = re.compile(r"<files>.*?</files>\s*", re.S)
UNREAD = re.compile(r'<file name="([^"]*)" state="(could not be read[^"]*|is still[^"]*)"/>')
SPECIAL = re.compile(r"[\\`*_\[\]<>|~]")
SUMMARY = "Somebody shared "
WORD = re.compile(r"[A-Za-z0-9À-ɏ]+|[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]{2}")
WIDE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]+")
SENTENCE = re.compile(r"(?<=[.!?。])\s+|\n{2,}|\n(?=[-*#|])")
_COMMON = """
    a about an and are as at be but by can could did do does for from had has have how i in is it
    its me my of on or our say so tell that the their them there they this to us was we were what
    when where which who why will with would you your
"""
COMMON = frozenset(_COMMON.split())
QUOTES, POINTS = 4, 6


@dataclass(frozen=True, slots=True)
class _Passage:
    number: str
    file: str
    text: str
    weak: bool = False


def answer(asked: str) -> str | None:
    """Answer a prompt's last message; None if the prompt has no documents."""
    blocks = [*BLOCK.finditer(asked)]
    if not blocks:
        return None
    unread = UNREAD.findall(asked)
    question = FILES.sub("", asked[blocks[-1].end() :]).strip()
    passages = [
        _Passage(number, found[1] if (found := FILE.search(told)) else "", text, WEAK in told)
        for block in blocks
        for number, told, text in PASSAGE.findall(block[0])
    ]
    if question.startswith(SUMMARY):
        return f"{NOTE}\n\n{_summary(passages)}"
    if not passages:
        more = [f"“{name}” {state}." for name, state in unread]
        return "\n\n".join((NOTHING, *more))
    lead = SAY if not all(each.weak for each in passages) else NEAR
    return f"{NOTE}\n\n{lead}\n\n{_quoted(question, passages)}"


def condensed(text: str) -> str:
    """Summarise a text by its most representative sentences."""
    return "\n".join(_best(text, POINTS))


def rewritten(asked: str) -> str:
    """Complete a follow-up question with the question before it."""
    said = re.findall(r"^user: (?:[^:\n]{1,40}: )?(.+)$", asked, re.M)
    question = asked.rpartition("Rewrite this question:")[2].strip()
    return f"{said[-1]} {question}" if said else question


def _quoted(question: str, passages: Sequence[_Passage]) -> str:
    wanted = _words(question)
    scored = []
    for order, passage in enumerate(passages):
        for sentence in _sentences(passage.text):
            score = len(wanted & _words(sentence))
            if score:
                scored.append((-score, order, sentence, passage))
    best = sorted(scored, key=lambda each: each[:2])[:QUOTES]
    if not best:
        first = passages[0]
        sentence = next(iter(_sentences(first.text)), first.text)[:300]
        best = [(0, 0, sentence, first)]
    lines = [f"- “{_flat(sentence)}” [^{each.number}]" for _, _, sentence, each in best]
    return "\n".join(lines)


def _summary(passages: Sequence[_Passage]) -> str:
    parts = []
    files = [*dict.fromkeys(each.file for each in passages)]
    for file in files:
        text = "\n\n".join(each.text for each in passages if each.file == file)
        first = next(iter(_sentences(text)), "")
        points = [each for each in _best(text, POINTS) if each != first]
        lines = "\n".join(f"- {_flat(each)}" for each in points)
        name = f"**{SPECIAL.sub(_escaped, file)}**\n\n" if len(files) > 1 else ""
        parts.append(f"{name}It begins: “{_flat(first)}”\n\nIt also says:\n\n{lines}")
    return "\n\n".join(parts) or "There is nothing in it that I could quote."


def _best(text: str, number: int) -> list[str]:
    """Return the sentences with the text's most frequent words, in their original order."""
    sentences = _sentences(text)[:2000]
    counts = Counter(word for each in sentences for word in _words(each))
    weight = {word: count for word, count in counts.items() if count > 1}

    def value(sentence: str) -> float:
        words = _words(sentence)
        return sum(weight.get(word, 0) for word in words) / (len(words) + 8)

    best = set(sorted(sentences, key=value, reverse=True)[:number])
    return [each for each in dict.fromkeys(sentences) if each in best]


def _sentences(text: str) -> list[str]:
    stripped = (each.strip(" \t\n-*#>|") for each in SENTENCE.split(text))
    return [each for each in stripped if len(each) > 15]


def _words(text: str) -> set[str]:
    """Split into Latin words, and character pairs for scripts without spaces."""
    words = {word for word in WORD.findall(text.lower()) if word not in COMMON}
    for run in WIDE.findall(text):
        words |= {run[n : n + 2] for n in range(len(run) - 1)}
    return words


def _escaped(mark: re.Match[str]) -> str:
    return f"\\{mark[0]}"


def _flat(text: str) -> str:
    flat = " ".join(text.replace("&lt;", "<").split()).replace("“", "'").replace("”", "'")
    return flat if len(flat) <= 300 else f"{flat[:299]}…"

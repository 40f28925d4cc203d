"""The offline model: quotes from the conversation, and says that it is not Claude.

It answers where there are no AWS credentials, so that everything except the answers' quality can be
tried. It invents nothing: every content sentence comes from its prompt.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from local.bedrock import claude_documents as documents

NOTE = "_This is the offline stand-in, not Claude: it can only quote this conversation._"
CAN = """\
I found nothing about that in this conversation, and without AWS credentials there is no model \
here to know more.

What you can try instead:

- **Paste some text and ask about it.** I answer with the sentences that fit your question best.
- **Ask in a thread** that already has messages: I quote what was said, and by whom.
- Ask for a **table**, a **list** or some **code**: I lay out what was said here in that form.
- Press **Stop** while I write, then **Regenerate**; type `/model` to choose another model.

With credentials for Amazon Bedrock in `.env`, the same process asks Claude, and nothing else \
changes: the queue, the growing message and the buttons are those of production."""

_WORD = re.compile(r"[A-Za-z0-9À-ɏ]+|[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]")
_SENTENCE = re.compile(r"(?<=[.!?。])\s+|\n+")
_COMMON = frozenset(
    """
    a about an and are as at be but by can could did do does for from had has have how i in is it
    its me my of on or our please say so tell that the their them there they this to us was we
    were what when where which who why will with would you your
    """.split()  # noqa: SIM905 - a list would take a page
)
_QUOTES = 6


def answer(body: Mapping[str, Any]) -> str:
    """Answer a Converse request, in Markdown."""
    system = " ".join(each.get("text", "") for each in body.get("system", ()))
    *earlier, final = [*map(_texts, body.get("messages", ()))] or [[]]
    last = "".join(final)
    if system.startswith("You read images"):
        return "(An image. The offline stand-in cannot see it.)"
    if system.startswith("You condense"):
        return documents.condensed(last)
    if system.startswith("You rewrite"):
        return documents.rewritten(last)
    kept = (text for texts in earlier for text in texts if text.startswith(documents.BEGIN))
    found = documents.answer("".join((*kept, last)))
    if found is not None:
        return found
    said = _said(body.get("messages", ()))
    if not said:
        return NOTE
    question = said[-1][1].split("\n\n")[-1]
    material = [*said[:-1], *((said[-1][0], p) for p in said[-1][1].split("\n\n")[:-1])]
    if not material and len(question) > 300:
        material = [("you", question)]
    first = not any(m.get("role") == "assistant" for m in body.get("messages", ()))
    lead = f"{NOTE}\n\n" if first else ""
    asked = question.lower()
    if "code" in asked:
        return lead + _code(material or said)
    if "table" in asked or "표" in asked:
        return lead + _table(material or said)
    quotes = _fitting(question, material)
    if not quotes:
        return lead + CAN
    lines = [f"- “{text}”{f' — {who}' if who else ''}" for who, text in quotes]
    return f"{lead}This was said about it here:\n\n" + "\n".join(lines)


def _said(messages: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    said = []
    for message in messages:
        if message.get("role") != "user":
            continue
        text = "".join(text for text in _texts(message) if not text.startswith(documents.BEGIN))
        for paragraph in text.split("\n\n"):
            named = re.match(r"([^:\n]{1,40}): (.+)", paragraph, re.S)
            said.append((named[1], named[2]) if named else ("", paragraph))
    return said


def _texts(message: Mapping[str, Any]) -> list[str]:
    """Return the texts of a message, without the date that precedes a question."""
    texts = [part["text"] for part in message.get("content", ()) if "text" in part]
    return [text for text in texts if not text.startswith("<today>")]


def _words(text: str) -> set[str]:
    return {word for word in _WORD.findall(text.lower()) if word not in _COMMON}


def _fitting(question: str, material: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    wanted = _words(question)
    scored = []
    for order, (who, text) in enumerate(material):
        for sentence in _SENTENCE.split(text):
            score = len(wanted & _words(sentence))
            if score and sentence.strip() != question.strip():
                scored.append((-score, -order, who, sentence.strip()))
    return [(who, text) for _, _, who, text in sorted(scored)[:_QUOTES]]


def _table(said: Sequence[tuple[str, str]]) -> str:
    rows = [f"| {who or 'you'} | {len(text.split())} | {_short(text)} |" for who, text in said]
    head = "| Who | Words | Beginning |\n|---|---|---|\n"
    return "What was said here, as a table:\n\n" + head + "\n".join(rows)


def _code(said: Sequence[tuple[str, str]]) -> str:
    counts = Counter(word for _, text in said for word in _WORD.findall(text.lower()))
    pairs = ",\n".join(f"    {word!r}: {n}" for word, n in counts.most_common(12))
    return f"The words of this conversation, counted:\n\n```python\nwords = {{\n{pairs},\n}}\n```"


def _short(text: str) -> str:
    flat = " ".join(text.split()).replace("|", "/")
    return flat if len(flat) <= 40 else flat[:39] + "…"

"""Turns a model's text into messages: sanitised, split, and each part checked again.

A text that is harmless as a whole may not be harmless once it is split: the rest of a code span, a
table row or a quote that is longer than a message starts outside of it. So every part is parsed as
the renderers parse it, and links that the policy refuses become code, or else plain text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from core.ports.chat import Surface
from core.streaming.markdown.blocks import blocks
from core.streaming.markdown.dialect import parser
from core.streaming.markdown.links import Policy, defused, sound
from core.streaming.markdown.presentable import present
from core.streaming.split import parts

RISKY = re.compile(r"\]\(|<[a-z]|[:.][\\/]|www|javascript|vbscript|data:|mailto|&[#a-z]", re.I)
MARKS = re.compile(r"[!-/:-@\[-`{-~]")


def shown_parts(markdown: str, policy: Policy, surface: Surface, *, final: bool) -> tuple[str, ...]:
    """The messages that show a text so far, or the whole text if `final`.

    They are canonical Markdown, each within the surface's limit and harmless on its own.
    """
    split = parts(present(markdown, policy, final=final), surface)
    return tuple(each for part in split for each in _checked(part, policy, surface))


def harmless_alone(part: str, policy: Policy) -> bool:
    """Whether a renderer would find only allowed links, and no URL outside code."""
    return not RISKY.search(part) or all(_sound(block.text, policy) for block in blocks(part))


def as_text(markdown: str) -> str:
    """The text escaped, so that it contains neither markup nor URLs that a renderer recognises."""
    lines = (line.strip() for line in markdown.split("\n"))
    return "\n".join(MARKS.sub(r"\\\g<0>", defused(line)) for line in lines)


@lru_cache(maxsize=2048)
def _sound(block: str, policy: Policy) -> bool:
    return sound(parser.parse(block), policy)


def _checked(part: str, policy: Policy, surface: Surface) -> Iterator[str]:
    if harmless_alone(part, policy):
        yield part
        return
    again = parts(present(part, policy, final=True), surface)
    if all(harmless_alone(each, policy) for each in again):
        yield from again
    else:
        yield from parts(as_text(part), surface)

"""What the platforms would make active of a final text, by other means than the product's.

Slack: its documented `<…>` and code, by hand. Teams: CommonMark with HTML, the HTML read by
Python's own parser. In both, whatever looks like an address in plain text counts as active.
"""

import html
import random
import re
from dataclasses import dataclass
from html.parser import HTMLParser

from markdown_it import MarkdownIt

from bots.slack.rendering.blocks import text_and_blocks
from bots.slack.rendering.mrkdwn import MrkdwnSurface
from bots.teams.outbound.streaming import _growing
from bots.teams.rendering.cards import activity
from bots.teams.rendering.guard import guarded_card
from bots.teams.rendering.markup import links_of, render
from bots.teams.rendering.surface import TeamsSurface
from core.streaming.markdown.links import Policy
from core.streaming.rendering import shown_parts
from core.values.answer import Rendered, Stage

POLICY = Policy(
    hosts=frozenset({"docs.example.com"}), urls=frozenset({"http://a.example/ü?y=1&z=|"})
)
ALLOWED = re.compile(r"https://docs\.example\.com(?:[/?#]|$)|http://a\.example/%C3%BC\?y=1&z=%7C$")
AUTOLINKED = re.compile(
    r"(?:https?|ftp|file|slack):[/\\]|\w://|\bwww\.\w|\b(?:(?:java|vb)script|mailto):\w", re.I
)
TAGS = frozenset(
    [
        "p",
        "strong",
        "em",
        "s",
        "code",
        "pre",
        "ul",
        "ol",
        "li",
        "blockquote",
        "br",
        "hr",
        "h1",
        "h2",
        "a",
    ]
)
commonmark = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def slack_active(mrkdwn):
    """Links, mentions and bare addresses in mrkdwn."""
    inside = [html.unescape(each) for each in re.findall(r"<([^>]*)>?", mrkdwn)]
    rest = re.sub(r"<[^>]*>", " ", mrkdwn)
    rest = re.sub(r"```.*?```|`[^`\n]+`", " ", rest, flags=re.S)
    return [each.split("|")[0] for each in inside] + AUTOLINKED.findall(html.unescape(rest))


class _Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.active = []
        self.dead = 0

    def handle_starttag(self, tag, attrs):
        self.dead += tag in ("a", "code")
        values = [value for name, value in attrs if name in ("href", "src")]
        if tag not in TAGS:
            self.active.append(f"<{tag}>")
        self.active += values

    def handle_endtag(self, tag):
        self.dead -= tag in ("a", "code")

    def handle_data(self, data):
        if not self.dead:
            self.active += AUTOLINKED.findall(data)


def teams_active(text):
    """Links, images, tags and bare addresses in a text message."""
    page = _Page()
    page.feed(commonmark.render(text))
    page.close()
    mentions = re.findall(r"<\s*/?\s*(?:at|attachment|quoted|emoji)\b", text, re.I)
    return page.active + mentions


def card_active(text):
    """The same in a card, where code may or may not be known."""
    return [
        *re.findall(r"\]\s*\(\s*<?([^)\s>]*)", text),
        *re.findall(r"\]\s?\[|\]:|!\[|<[a-z/!?]|\{\{", text, re.I),
        *AUTOLINKED.findall(re.sub(r"\]\([^)]*\)", "", text)),
    ]


SYLLABLES = re.compile(r"[\uA000-\uA48C]")
LANGUAGE = re.compile(r"(`{3,}|~{3,}).*")
"""A fence's first line tells its language: it is not shown."""
HEAD = re.compile(r"^.*\|.*\n(?=\s*\|-)", re.M)
"""A table's head, which records of rows do not show whole."""


@dataclass(frozen=True)
class Tight:
    """A surface with less room."""

    inner: object
    limit: int

    def size(self, markdown):
        return self.inner.size(markdown)


ACTIVE = {"slack": slack_active, "teams": teams_active, "card": card_active}


def faults(text: str, rng: random.Random) -> list[object]:
    """What is wrong with what people would be shown of a text; empty when nothing is."""
    found: list[object] = []
    cuts = [(text[: rng.randint(0, len(text))], False) for _ in range(2)]
    for said, final in [*cuts, (text, True)]:
        room = rng.choice([60, 150, 300, 900, 3000])
        for surface in (MrkdwnSurface(), TeamsSurface()):
            slack = isinstance(surface, MrkdwnSurface)
            tight = Tight(surface, room if slack else room + 400)  # a card's JSON takes room
            parts = shown_parts(said, POLICY, tight, final=final)
            shown = [s for part in parts for s in (_slack(part) if slack else _teams(part, final))]
            for dialect, each in shown:
                active = ACTIVE[dialect](each)
                bad = [url for url in active if not ALLOWED.match(url)]
                if bad:
                    found.append((dialect, final, room, bad, each))
            if final:
                for kind in ("slack",) if slack else ("teams", "card"):
                    joined = "\n".join(each for dialect, each in shown if dialect == kind)
                    if lost := _lost(text, joined):
                        found.append((kind, final, room, "lost", lost, joined))
    return found


def _lost(text, shown):
    """The first syllable that is not there; in order, but for tables, whose cells are wrapped."""
    got = SYLLABLES.findall(shown)
    rest = got if "|" in text else iter(got)
    lines = HEAD.sub("", text).split("\n")
    wanted = SYLLABLES.findall("\n".join(LANGUAGE.sub("", line) for line in lines))
    return next((each for each in wanted if each not in rest), "")


def _slack(part):
    arguments = text_and_blocks(Rendered(part))
    sections = [block["text"]["text"] for block in arguments["blocks"]]
    return [("slack", each) for each in (*sections, arguments["text"])]


def _teams(part, final):
    message = Rendered(part, stage=Stage.DONE if final else Stage.GROWING)
    shown = [
        ("teams", activity(message)["text"]),
        ("card", guarded_card(render(part), links_of(part))),
    ]
    return shown if final else [*shown, ("teams", _growing(message))]


def smallest(text: str, seed: int) -> str:
    """The text with every line and word taken out that the fault does not need."""
    for apart in ("\n\n", "\n", " "):
        pieces = text.split(apart)
        at = 0
        while at < len(pieces):
            fewer = pieces[:at] + pieces[at + 1 :]
            if faults(apart.join(fewer), random.Random(seed)):
                pieces = fewer
            else:
                at += 1
        text = apart.join(pieces)
    return text

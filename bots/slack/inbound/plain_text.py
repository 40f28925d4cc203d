"""Convert Slack's mrkdwn, as people send it, to plain Markdown. For receivers: no heavy imports.

Slack writes `<@U1>`, `<#C1|general>`, `<!here>`, `<https://…|label>` and escapes `&`, `<` and `>`.
https://docs.slack.dev/messaging/formatting-message-text#parsing-message-text
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

NOBODY: Mapping[str, str] = MappingProxyType({})

SOMEBODY, SOMEWHERE = "someone", "a-channel"
"""What replaces the id of a person or a channel whose name is not known."""

SPECIAL = re.compile(r"<([^<>\n]{1,4000})>")


def from_mrkdwn(text: str, names: Mapping[str, str] = NOBODY) -> str:
    """Return the text as its author saw it. `names` maps known user and channel ids to names."""
    return unescape(SPECIAL.sub(lambda match: special(match[1], names), text))


def unescape(text: str) -> str:
    """Replace Slack's three entities with their characters."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def special(inner: str, names: Mapping[str, str]) -> str:
    """Return what stands between `<` and `>` as people read it."""
    target, _, label = inner.partition("|")
    match target[:1]:
        case "@":
            return "@" + (label or names.get(target[1:], SOMEBODY)).removeprefix("@")
        case "#":
            return "#" + (label or names.get(target[1:], SOMEWHERE)).removeprefix("#")
        case "!":
            return _command(target[1:], label)
        case _:
            return _link(target, label)


def _command(target: str, label: str) -> str:
    if target.startswith("date^"):
        return label
    if target.startswith("subteam^"):
        return "@" + (label or "group").removeprefix("@")
    return "@" + (label or target.partition("^")[0]).removeprefix("@")


def _link(url: str, label: str) -> str:
    """Return a link in Markdown, or the bare URL if the label adds nothing to it."""
    plain = url.removeprefix("mailto:").removeprefix("tel:")
    if not label or label in (url, plain) or url in (f"http://{label}", f"https://{label}"):
        return plain
    return f"[{label}]({url})"

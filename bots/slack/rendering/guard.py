"""A last look at mrkdwn as Slack reads it: what may not be active becomes plain text.

Slack acts on `<…>` wherever it stands, in code as well: an address, `@` a person, `#` a channel,
`!` a group or a date. Bare addresses are made links where neither `verbatim` nor `parse: none`
says otherwise; we say both, and break them all the same.
https://docs.slack.dev/messaging/formatting-message-text
"""

from __future__ import annotations

import re

from core.streaming.markdown.links import defused

CODE_OR_ANGLE = re.compile(r"(?P<code>```.+?```|`[^`\n]+`)|<(?P<inner>[^<>]*)>|(?P<stray><)", re.S)


def escape(text: str) -> str:
    """Characters that Slack would act on, as entities."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def address(url: str) -> str:
    """An address as it stands within `<…>`."""
    return escape(url).replace("|", "%7C")


def guarded(mrkdwn: str, allowed: frozenset[str]) -> str:
    """The same text, in which nothing is active but links to exactly `allowed` (see `address`)."""
    out: list[str] = []
    at = 0
    for found in CODE_OR_ANGLE.finditer(mrkdwn):
        out.append(defused(mrkdwn[at : found.start()]))
        at = found.end()
        if code := found["code"]:
            out.append(code.replace("<", "&lt;"))
        elif found["stray"]:
            out.append("&lt;")
        elif found["inner"].partition("|")[0] in allowed:
            out.append(found[0])
        else:
            out.append(f"&lt;{defused(found['inner'])}&gt;")
    out.append(defused(mrkdwn[at:]))
    return "".join(out)

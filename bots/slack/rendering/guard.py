"""Final check of mrkdwn as Slack parses it: whatever may not be active becomes plain text.

Slack acts on `<…>` everywhere, even in code: a URL, `@` a person, `#` a channel, `!` a group or a
date. It links bare URLs unless `verbatim` or `parse: none` is set; we set both, and break such URLs
all the same. https://docs.slack.dev/messaging/formatting-message-text
"""

from __future__ import annotations

import re

from core.streaming.markdown.links import defused

CODE_OR_ANGLE = re.compile(r"(?P<code>```.+?```|`[^`\n]+`)|<(?P<inner>[^<>]*)>|(?P<stray><)", re.S)


def escape(text: str) -> str:
    """Replace the characters that Slack acts on with entities."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def address(url: str) -> str:
    """Return a URL in the form it takes inside `<…>`."""
    return escape(url).replace("|", "%7C")


def guarded(mrkdwn: str, allowed: frozenset[str]) -> str:
    """Return the text with nothing active but links to exactly the `allowed` URLs (see
    `address`)."""
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

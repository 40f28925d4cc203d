"""The people and channels of a new workspace."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

TEAM = {"id": "T0ACME", "name": "Acme", "domain": "acme"}
BOT = "U0PARLEY"
SLACKBOT = "USLACKBOT"
PEOPLE = (
    ("U0ANA", "Ana Kim", "#3d6b8e", "Product"),
    ("U0BEN", "Ben Ortiz", "#8e5a3d", "Engineering"),
    ("U0CHAE", "Chae-won Lee", "#5c7a3a", "Support"),
    ("U0DARA", "Dara Singh", "#7a4a86", "Design"),
)
CHANNELS = (
    ("C0GENERAL", "general", "Company-wide talk"),
    ("C0SUPPORT", "support", "Customers' questions"),
    ("C0DESIGN", "design-review", "Show work, get comments"),
)
PRIVATE = (("C0FINANCE", "finance", "Budgets and invoices", ("U0ANA", "U0BEN", BOT)),)
COMMANDS = [
    {
        "name": "/model",
        "usage": "/model [haiku | sonnet | opus]",
        "description": "See or choose which Claude answers here",
    },
    {
        "name": "/files",
        "usage": "/files [auto on|off]",
        "description": "See what Parley has read here",
    },
]


def seeded() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return users and channels: public channels with everybody and the bot, a private one with a
    few people, and the bot's direct message with each person."""
    users: list[dict[str, Any]] = [
        {"id": i, "name": n, "color": c, "is_bot": False, "title": t} for i, n, c, t in PEOPLE
    ]
    bot = {"id": BOT, "name": "Parley", "color": "#2f6f62", "is_bot": True, "title": "Assistant"}
    users.append(bot)
    channels: list[dict[str, Any]] = [
        {"id": i, "name": n, "kind": "channel", "members": [u["id"] for u in users], "topic": t}
        for i, n, t in CHANNELS
    ]
    channels += [
        {"id": i, "name": n, "kind": "channel", "private": True, "members": [*m], "topic": t}
        for i, n, t, m in PRIVATE
    ]
    channels += [
        {"id": f"D{i[1:]}", "name": "Parley", "kind": "dm", "members": [i, BOT], "topic": ""}
        for i, *_ in PEOPLE
    ]
    return users, channels


def marked(text: str, users: Iterable[Mapping[str, Any]]) -> str:
    """Escape what a person typed and turn its mentions into Slack's form."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    for user in sorted(users, key=lambda u: -len(str(u["name"]))):
        name = re.escape(user["name"])
        text = re.sub(rf"@{name}(?![A-Za-z0-9_])", f"<@{user['id']}>", text, flags=re.I)
    return text

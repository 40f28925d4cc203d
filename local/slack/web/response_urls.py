"""Response URLs, at which an app answers a command or a button: five times within half an hour.

https://docs.slack.dev/interactivity/handling-user-interaction#message_responses
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

from local.slack.workspace.state import Workspace

USES = 5
LIVES = 1_800.0
"""Seconds that a response URL is valid."""


@dataclass
class Responses:
    """The response URLs that were issued; `known` describes each by its last path segment."""

    workspace: Workspace
    known: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(self, channel: str, user: str, ts: str) -> str:
        """Issue a URL; returns its last path segment. `ts` is the message it may replace."""
        key = uuid.uuid4().hex
        born = self.workspace.clock()
        self.known[key] = {"channel": channel, "user": user, "ts": ts, "uses": 0, "born": born}
        return key

    def take(self, key: str, body: dict[str, Any]) -> bool:
        """Apply what an app posts to a URL. False if the URL is used up or expired."""
        known = self.known.get(key)
        if known is None or known["uses"] >= USES:
            return False
        if self.workspace.clock() - known["born"] > LIVES:
            return False
        known["uses"] += 1
        text, blocks = str(body.get("text", "")), list(body.get("blocks") or ())
        if body.get("delete_original") and known["ts"]:
            self.workspace.unwhisper(known["ts"])
        elif body.get("replace_original") and known["ts"] in self.workspace.ephemerals:
            self.workspace.rewhisper(known["ts"], text, blocks)
        else:
            self.workspace.post_ephemeral(known["channel"], known["user"], text, blocks=blocks)
        return True

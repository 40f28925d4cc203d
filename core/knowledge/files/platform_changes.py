"""Dispatches events about known files: they changed on their platform, or their channel moved."""

from __future__ import annotations

from dataclasses import dataclass

from core.knowledge.files.channel_moves import Rehoming
from core.knowledge.files.reread import Renewal
from core.ports.chat import Chat
from core.values.conversation import Command


@dataclass(frozen=True, slots=True)
class Shelved:
    """Handles these events. One instance per process."""

    renewal: Renewal
    rehoming: Rehoming

    async def handle(self, command: Command, chat: Chat) -> None:
        """Carry out a command `changed`, `renew` or `rehomed`. Raises ChatError, StoreError."""
        match command.name:
            case "changed":
                await self.renewal.changed(command)
            case "rehomed":
                await self.rehoming.rehome(command)
            case _:
                await self.renewal.renew(command, chat)

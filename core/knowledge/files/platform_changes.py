"""What happens to a file at its platform after it was read: it is changed, or moves on."""

from __future__ import annotations

from dataclasses import dataclass

from core.knowledge.files.channel_moves import Rehoming
from core.knowledge.files.reread import Renewal
from core.ports.chat import Chat
from core.values.conversation import Command


@dataclass(frozen=True, slots=True)
class Shelved:
    """One for a process."""

    renewal: Renewal
    rehoming: Rehoming

    async def handle(self, command: Command, chat: Chat) -> None:
        """`changed`, `renew` or `rehomed`. Raises ChatError, StoreError."""
        match command.name:
            case "changed":
                await self.renewal.changed(command)
            case "rehomed":
                await self.rehoming.rehome(command)
            case _:
                await self.renewal.renew(command, chat)

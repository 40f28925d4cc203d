"""Send messages through the connector: one activity each, in the format that Teams accepts.

1. An accepted post stands. If no id is returned, it is never posted again and cannot be edited:
   what
follows goes in a new message, once while the answer grows and once at its end.
2. An edit refused as malformed (400) is tried once more in the other format, text for a card or a
card for text. Refused again, nothing is shown until the end, which is a new message that replaces
the old one.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any
from uuid import uuid4

from bots.teams.api.connector import Connector
from bots.teams.api.refusals import StreamRefused
from bots.teams.rendering.cards import as_card, as_text, has_controls
from bots.wire.refusals import Malformed
from core.ports.chat import ChatError, Stopped
from core.values.answer import MessageId, Rendered, Stage

log = logging.getLogger(__name__)

UNNAMED = "unnamed/"
"""The prefix of our ids for messages whose id Teams did not return."""
Call = Callable[[Mapping[str, Any]], Awaitable[str]]


def unnamed() -> MessageId:
    """Return a new id for a message whose id Teams did not return."""
    return MessageId(f"{UNNAMED}{uuid4().hex}")


class Sender:
    """Sends one conversation's messages; `to` is the only person to show them to, empty for
    everybody."""

    def __init__(self, connector: Connector, service: str, where: str, to: str) -> None:
        self._connector = connector
        self._service = service
        self._where = where
        self._to = to
        self._moved: dict[str, str] = {}
        """The ids of messages that continue those that could not be edited, by the latter's ids."""
        self._other: set[str] = set()
        """Messages that are edited in their other format."""
        self._stuck: set[str] = set()
        """Messages that show nothing more until their final edit."""

    async def post(self, message: Rendered, mark: str = "", *, to: str = "") -> str:
        """Post a message. Returns its id, empty if Teams returns none."""

        async def call(said: Mapping[str, Any]) -> str:
            return await self.send(said, to=to)

        return await self._either(message, mark, call)

    async def send(self, said: Mapping[str, Any], *, to: str = "") -> str:
        """Post an activity. Returns its id, empty if Teams returns none."""
        return await self._connector.post(self._service, self._where, said, to=to or self._to)

    async def edit(self, message_id: str, message: Rendered, mark: str) -> None:
        """Edit a message. Raises Stopped if a stream's reader ended it, and the connector's
        refusals."""
        at = self._moved.get(message_id, message_id)
        ends = message.stage in (Stage.DONE, Stage.NOTICE)
        if at in self._stuck and not ends:
            return
        if not at.startswith(UNNAMED) and at not in self._stuck:
            try:
                await self._change(at, message, mark)
            except Malformed as exc:
                log.warning("a change was refused in both looks: %s", exc)
                self._stuck.add(at)
                if not ends:
                    return
            else:
                return
        await self._begin_anew(message_id, at, message, mark)

    async def delete(self, message_id: str) -> None:
        """Delete a message, or the one that continues it."""
        at = self._moved.get(message_id, message_id)
        if not at.startswith(UNNAMED):
            await self._connector.delete(self._service, self._where, at)

    async def _begin_anew(self, message_id: str, at: str, message: Rendered, mark: str) -> None:
        new = await self.post(message, mark) or unnamed()
        self._moved[message_id] = new
        if new.startswith(UNNAMED):
            self._stuck.add(new)
        if not at.startswith(UNNAMED):
            with suppress(ChatError):
                await self._connector.delete(self._service, self._where, at)

    async def _change(self, at: str, message: Rendered, mark: str) -> None:
        async def call(said: Mapping[str, Any]) -> str:
            await self._connector.update(self._service, self._where, at, said, to=self._to)
            return at

        try:
            await self._either(message, mark, call, at)
        except StreamRefused as exc:
            if exc.cancelled:
                raise Stopped("by its reader") from exc
            raise

    async def _either(self, message: Rendered, mark: str, call: Call, at: str = "") -> str:
        """Make a call with the message in one format, and if that is malformed, in the other."""
        looks = [as_card(message, mark), as_text(message)]
        if has_controls(message) == (at in self._other):
            looks.reverse()
        try:
            return await call(looks[0])
        except Malformed as exc:
            log.warning("refused as it was, asked in its other look: %s", exc)
            done = await call(looks[1])
        if at:
            self._other ^= {at}
        return done

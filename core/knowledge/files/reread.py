"""Reads files again after they changed on their platform, and says so in their thread."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from core.knowledge.files.transfer import Fetcher
from core.ports.chat import Chat, Gone
from core.ports.documents import Manifest
from core.ports.turns import TurnQueue
from core.values.answer import Rendered
from core.values.conversation import Attachment, Command, Conversation, Kind
from core.values.documents import Document, DocumentId, State, key_of
from core.wording import user_messages

log = logging.getLogger(__name__)

RENEW = "renew"
"""The command that reads one place's copy of a changed file again."""


class Renewal:
    """Reads changed files again. One instance per process. `forget` forgets deleted files."""

    def __init__(
        self,
        manifest: Manifest,
        fetcher: Fetcher,
        turns: TurnQueue,
        forget: Callable[[Sequence[Document], Command], Awaitable[None]],
    ) -> None:
        self._manifest = manifest
        self._fetcher = fetcher
        self._turns = turns
        self._forget = forget

    async def changed(self, command: Command) -> None:
        """Enqueue a command that reads the file `argument` again, for each place that knows it.

        Slack's event says neither where the changed file was shared nor what changed.
        https://docs.slack.dev/reference/events/file_change
        """
        where = command.conversation
        tenant = f"{where.platform}/{where.tenant}"
        for each in await self._manifest.of_file(tenant, command.argument):
            there = _conversation(each, where)
            event_id = f"{each.id.place}/{RENEW}/{each.id.file}/{command.event_id}"
            await self._turns.enqueue(
                replace(command, event_id=event_id, conversation=there, name=RENEW)
            )

    async def renew(self, command: Command, chat: Chat) -> None:
        """Fetch a file again if its name or content changed. Raises ChatError, StoreError."""
        document = DocumentId(command.conversation.place, command.argument)
        known = (await self._manifest.get([document])).get(document)
        if known is None or known.state is State.DELETED:
            return
        try:
            file = Attachment(document.file, "", "", 0, "")
            file = await self._fetcher.described(file, chat)
            if await self._fetcher.is_same(known, file, chat):
                return
        except Gone:
            await self._forget([known], command)
            return
        name = file.name or known.name
        row = replace(
            known,
            name=name,
            key=key_of(document.place, document.file, name),
            size=file.size,
            link=file.link or known.link,
            media_type=file.media_type or known.media_type,
        )
        digest = await self._fetcher.fetch(row, file, chat)
        log.info("a changed file is read anew")
        if digest and known.digest and digest != known.digest:
            await chat.post(Rendered(user_messages.changed(name)), mark=command.event_id)


def _conversation(document: Document, where: Conversation) -> Conversation:
    """The conversation in which a file was shared; in a direct chat it has no thread."""
    channel = document.id.place.rpartition("/")[2]
    thread = document.thread or document.message
    alone = thread in ("", "-")
    kind = Kind.DIRECT if alone else Kind.CHANNEL
    return replace(where, channel=channel, thread=None if alone else thread, kind=kind)

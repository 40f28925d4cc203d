"""Lets people erase files: hidden at once after a confirmation, erased for good some hours later.

Files that a platform reports as deleted are erased at once (`core.knowledge.files.file_commands`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection

from core.people.audience import outside
from core.ports.chat import Chat, ChatError
from core.ports.documents import FileEvents, Manifest, Vault
from core.ports.erasures import Erasures
from core.ports.history import History
from core.ports.store_error import StoreError
from core.values.answer import Button, Rendered
from core.values.conversation import Command, Conversation, Kind, Person, Rights
from core.values.documents import Document, DocumentId, State
from core.wording import user_messages
from core.wording.catalogue import phrase
from core.wording.dates import minute

log = logging.getLogger(__name__)

HOUR = 3_600
LONGEST_ID = 300
"""The most bytes of a file's id: clients could send a longer one, which fits in no key."""


class Erasing:
    """Erases files for people. One instance per process.

    `hours` is the time to undo it; `admins` are named as in `PARLEY_ADMINS`; `clock` returns
    seconds since the epoch.
    """

    def __init__(
        self,
        manifest: Manifest,
        erasures: Erasures,
        vault: Vault,
        history: History,
        file_events: FileEvents,
        *,
        hours: int,
        admins: Collection[str],
        clock: Callable[[], float],
    ) -> None:
        self._manifest = manifest
        self._erasures = erasures
        self._vault = vault
        self._history = history
        self._file_events = file_events
        self._hours = hours
        self._admins = admins
        self._clock = clock

    async def handle(self, command: Command, chat: Chat) -> Rendered:
        """Carry out a command: `remove` asks to confirm, `erase` hides a file, `undo` restores it.

        Raises ChatError, StoreError.
        """
        row = await self._row(command)
        if row is None or (row.state is State.DELETED and not row.erase_at):
            return Rendered(phrase("erase.gone"))
        if command.name == "undo":
            return await self._undo(row, command, chat)
        if not await self._may(row, command, chat):
            return Rendered(_who_may(row, command.conversation))
        if row.erase_at:
            return self._hidden(row)
        return (
            self._asked(row) if command.name == "remove" else await self._erase(row, command, chat)
        )

    async def due(self) -> int:
        """Erase the files whose time to be restored has passed, and return how many. Idempotent.

        Raises StoreError after all were tried.
        """
        failed: StoreError | None = None
        done = 0
        for document in await self._erasures.due(self._clock()):
            try:
                done += await self._for_good(document)
            except StoreError as exc:
                log.warning("a file stays hidden for now: %s", exc)
                failed = exc
        if failed is not None:
            raise failed
        return done

    async def _row(self, command: Command) -> Document | None:
        if not 0 < len(command.argument.encode()) <= LONGEST_ID:
            return None
        document = DocumentId(command.conversation.place, command.argument)
        return (await self._manifest.get([document])).get(document)

    def _asked(self, row: Document) -> Rendered:
        name, sharer = user_messages.plain(row.name), user_messages.plain(row.sharer)
        question = (
            phrase("erase.ask_shared", file=name, person=sharer)
            if sharer
            else phrase("erase.ask", file=name)
        )
        hours = self._hours
        after = phrase("erase.hours", count=hours) if hours else phrase("erase.at_once")
        button = Button("erase", phrase("button.erase"), row.id.file, "danger")
        return Rendered(f"{question} {after}", (button,))

    async def _erase(self, row: Document, command: Command, chat: Chat) -> Rendered:
        person, where = command.person, command.conversation
        at = self._clock() + self._hours * HOUR
        if not await self._erasures.hide(row, at, person.id):
            return Rendered(phrase("erase.changed"))
        if not self._hours:
            await self._for_good(row.id)
            return Rendered(phrase("erase.for_good", file=user_messages.plain(row.name)))
        hidden = (await self._manifest.get([row.id]))[row.id]
        if where.kind is not Kind.DIRECT and row.sharer_id != person.id:
            # so that its sharer sees it, and can restore it
            who = user_messages.plain(await chat.name(person)) or phrase("reply.somebody")
            await chat.post(self._hidden(hidden, who), mark=command.event_id)
        return self._hidden(hidden)

    def _hidden(self, row: Document, who: str = "") -> Rendered:
        """`who` erased it, empty if that is who is told."""
        name, sharer = user_messages.plain(row.name), user_messages.plain(row.sharer)
        if not who:
            said = phrase("erase.hidden", file=name)
        elif not sharer:
            said = phrase("erase.hidden_by", person=who, file=name)
        else:
            said = phrase("erase.hidden_by_shared", person=who, file=name, sharer=sharer)
        until = phrase("erase.until", time=minute(row.erase_at))
        button = Button("undo", phrase("button.undo"), row.id.file)
        return Rendered(f"{said} {until}", (button,))

    async def _undo(self, row: Document, command: Command, chat: Chat) -> Rendered:
        name = user_messages.plain(row.name)
        if not row.erase_at:
            return Rendered(phrase("erase.nothing_to_undo", file=name))
        if row.erased_by != command.person.id and not await self._may(row, command, chat):
            return Rendered(_who_may(row, command.conversation))
        if not await self._erasures.restore(row, self._clock()):
            return Rendered(phrase("erase.too_late", file=name))
        back = (await self._manifest.get([row.id])).get(row.id)
        if back is not None and back.state is State.RECEIVED:
            await self._file_events.written(back)  # nobody had read it when it was hidden
        return Rendered(phrase("erase.back", file=name))

    async def _for_good(self, document: DocumentId) -> bool:
        row = (await self._manifest.get([document])).get(document)
        if row is not None and row.erase_at:
            if row.erase_at > self._clock():
                return False  # it was restored, and erased again later
            await self._vault.forget(f"{document.place}/{document.file}/")
            await self._history.forget_quoting(document)
            await self._manifest.forget(document)
        await self._erasures.erased(document)
        return row is not None and bool(row.erase_at)

    async def _may(self, row: Document, command: Command, chat: Chat) -> bool:
        """Whether a person may erase a file.

        Its sharer and administrators may, and so may the channel's creator or owner, unless an
        operator put the file there. Outsiders may erase only files that they shared.
        """
        person, where = command.person, command.conversation
        if row.sharer_id and row.sharer_id == person.id:
            return True
        if await outside(person, chat):
            return False
        if f"{where.platform}/{where.tenant}/{person.id}" in self._admins:
            return True
        rights = await _rights(person, chat)
        return rights is Rights.WORKSPACE or (bool(row.sharer_id) and rights is Rights.PLACE)


async def _rights(person: Person, chat: Chat) -> Rights:
    try:
        return await chat.rights(person)
    except ChatError as exc:
        log.warning("not known whether somebody runs a place: %s", type(exc).__name__)
        return Rights.NONE


def _who_may(row: Document, where: Conversation) -> str:
    name = user_messages.plain(row.name)
    if not row.sharer_id:
        return phrase("erase.only_admin", file=name)
    person = user_messages.plain(row.sharer) or phrase("erase.sharer")
    if where.kind is not Kind.CHANNEL:
        return phrase("erase.only_sharer", person=person, file=name)
    runs = "creator" if where.platform == "slack" else "owner"
    return phrase(f"erase.only_sharer_{runs}", person=person, file=name)

"""Commands and events about the files of a place: listing, settings, deletions, departures."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from core.ports.documents import Manifest, Removals, Vault
from core.ports.erasures import Erasures
from core.ports.history import History
from core.ports.place_settings import PlaceSettings
from core.ports.store_error import StoreError
from core.values.answer import Button, Option, Rendered
from core.values.conversation import EVERYWHERE, Command, Kind
from core.values.documents import Document, State
from core.wording import user_messages
from core.wording.catalogue import phrase
from core.wording.dates import day
from core.wording.labels import short_label

log = logging.getLogger(__name__)

PAGE = 20
"""Files on one page of the list."""
MOST = 2_000
"""The most files of a place that are read."""


class Files:
    """Handles these commands and events. One instance per process; methods raise StoreError."""

    def __init__(
        self,
        manifest: Manifest,
        vault: Vault,
        settings: PlaceSettings,
        history: History,
        removals: Removals,
        *,
        erasures: Erasures,
    ) -> None:
        self._manifest = manifest
        self._erasures = erasures
        self._vault = vault
        self._settings = settings
        self._history = history
        self._removals = removals

    async def command(self, command: Command) -> Rendered:
        """Answer `/files`, `/files 2` or `/files auto on|off`."""
        place = command.conversation.place
        words = command.argument.lower().split()
        if words[:1] == ["auto"]:
            return await self._auto(command, words[1:])
        page = _page(words[0]) if words else 1
        hidden = await self._erasures.hidden(place)
        known = [*hidden, *await self._manifest.of_place(place, MOST)]
        return await self._list(command, known, max(1, page))

    async def forget(self, documents: Sequence[Document], command: Command) -> None:
        """Forget documents and the exchanges that quote them. Idempotent.

        They are excluded from answers at once; the bucket's events remove them from the index.
        """
        for each in documents:
            await self._manifest.forget(each.id)
        for each in documents:
            for thread in _threads(each):
                await self._history.forget(f"{each.id.place}/{thread}", each.message)
            await self._history.forget_quoting(each.id)
            await self._vault.forget(f"{each.id.place}/{each.id.file}/")

    async def gone(self, command: Command) -> None:
        """Forget a file (`argument`) or a message's files (`target`) deleted on the platform.

        A file is forgotten in the conversation's place, or in all places (`EVERYWHERE`).
        """
        where = command.conversation
        if command.argument:
            tenant = f"{where.platform}/{where.tenant}"
            documents = await self._manifest.of_file(tenant, command.argument)
            if where.channel != EVERYWHERE:
                documents = [each for each in documents if each.id.place == where.place]
        else:
            target = command.target or ""
            await self._manifest.set_tombstone(where.place, target)
            documents = await self._manifest.of_message(where.place, target)
        await self.forget(documents, command)

    async def moved(self, command: Command) -> None:
        """Record that we joined or left a place, or were removed from a workspace.

        `argument` is the channel that stands for a joined team. Documents of a place that we left
        are hidden, those of a workspace deleted after some days (`forget_due`), and those of a
        deleted channel at once.
        """
        where = command.conversation
        tenant = f"{where.platform}/{where.tenant}"
        match command.name:
            case "joined" | "restored":
                places = {where.place, tenant}
                if command.argument:
                    places.add(replace(where, channel=command.argument).place)
                for each in places:
                    await self._removals.undo(each, command.at)
            case "left":
                await self._removals.note(where.place, command.at)
            case "closed":
                await self._removals.note(where.place, command.at)
                await self.forget(await self._manifest.of_place(where.place, MOST), command)
            case _:
                await self._removals.note(tenant, command.at)

    async def _auto(self, command: Command, words: Sequence[str]) -> Rendered:
        place = command.conversation.place
        if words[:1] in (["on"], ["off"]):
            await self._settings.choose_auto(place, words[0] == "on")
        on = await self._settings.auto(place)
        return Rendered(phrase("files.auto_on" if on else "files.auto_off"))

    async def _list(self, command: Command, documents: Sequence[Document], page: int) -> Rendered:
        if not documents:
            return Rendered(phrase("files.none"))
        pages = (len(documents) + PAGE - 1) // PAGE
        page = min(page, pages)
        shown = documents[(page - 1) * PAGE : page * PAGE]
        direct = command.conversation.kind is Kind.DIRECT
        heading = phrase(
            "files.list_chat" if direct else "files.list_channel", count=len(documents)
        )
        if page < pages:
            heading += f" {phrase('files.more', page=page + 1)}"
        options = tuple(Option(each.id.file, _short(each.name), described(each)) for each in shown)
        return Rendered(heading, options=options, picker="remove", footer=phrase("files.auto_hint"))


def _threads(document: Document) -> tuple[str, ...]:
    """The threads whose history may contain the exchange about a file when it was shared.

    There is one, or if the document does not say which, both possible ones.
    """
    if not document.message:
        return ()
    return (document.thread,) if document.thread else (document.message, "-")


def described(document: Document) -> str:
    """A file's state, pages, sharer and date, and the reason if it could not be read."""
    parts = [_state(document)]
    if document.pages and document.state is State.READY:
        parts.append(user_messages.counted_parts(document.name, document.pages))
    if document.sharer:
        parts.append(phrase("files.shared_by", person=user_messages.plain(document.sharer)))
    if document.shared_at:
        parts.append(day(document.shared_at))
    return ", ".join(parts) + "."


def _state(document: Document) -> str:
    match document.state:
        case State.DELETED:
            return phrase("files.state.erased")
        case State.READY:
            return phrase("files.state.ready")
        case State.FAILED:
            why = user_messages.why_not(document.reason).rstrip(".")
            return phrase("files.state.failed", why=why)
        case State.EMBEDDING if document.total:
            percent = 100 * document.done // document.total
            return phrase("files.state.reading_percent", percent=percent)
        case State.RECEIVED:
            return phrase("files.state.waiting")
        case _:
            return phrase("files.state.reading")


def _short(name: str) -> str:
    """A name shortened in its middle, since its end contains the file's type."""
    shown = short_label(name, len(name) + len(phrase("file.unnamed")))
    return shown if len(shown) <= 70 else f"{shown[:50]}…{shown[-16:]}"


def _page(word: str) -> int:
    """The page number in a word, 1 if it is not a number, however long it is."""
    return int(word[:9]) if word.isdecimal() else 1


def hello(*, reads: bool, direct: bool = False) -> Rendered:
    """The greeting on joining a place. `reads`: files are read there; `direct`: a direct chat."""
    said = phrase("hello.chat" if direct else "hello.channel")
    if not reads:
        return Rendered(said)
    said += f" {phrase('hello.chat_files' if direct else 'hello.channel_files')}"
    if direct:
        return Rendered(said)
    return Rendered(said, (Button("auto", phrase("button.auto_off"), "off"),))


async def forget_due(removals: Removals, vault: Vault, at: float) -> int:
    """Delete the files of places and workspaces that we left at or before `at`.

    Returns the number of these places and workspaces. The bucket's events update the manifest and
    the index. Idempotent. Raises StoreError after all were tried.
    """
    due = await removals.before(at)
    failed: StoreError | None = None
    for prefix in due:
        try:
            await vault.forget(f"{prefix}/")
            await removals.erased(prefix)
        except StoreError as exc:
            log.warning("the files of what we left stay for now: %s", exc)
            failed = exc
    if failed is not None:
        raise failed
    return len(due)

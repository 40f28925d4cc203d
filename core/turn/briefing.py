"""Gathers what goes into a prompt: earlier exchanges, documents, and the question's files."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from core.knowledge.files.intake import Shared
from core.knowledge.lookup import Knowledge, LookedUp, Lookup, Shows, whole
from core.people.audience import Audience
from core.ports.chat import Chat, ChatError, Forbidden, Gone
from core.ports.history import History
from core.ports.model import Model
from core.ports.place_settings import PlaceSettings
from core.runtime.tasks import together
from core.turn.prompt import prompt, summaries
from core.turn.prompt.prompt_blocks import passages_block
from core.turn.prompt.recall import Recalled, documents_of, recalled
from core.values.answer import Exchange, Message, Prompt
from core.values.conversation import NOTHING_QUOTED, Conversation, Incoming, Quoted, Scope
from core.values.documents import Document, DocumentId, Passage, quoted
from core.values.models import MODELS
from core.wording import user_messages
from core.wording.catalogue import phrase

log = logging.getLogger(__name__)

WHOLE = 100_000
"""Documents with up to this many tokens go into a prompt whole."""
NEARBY = 8


@dataclass(frozen=True, slots=True)
class Brief:
    """A prompt with what belongs to its answer.

    `prompt` is None if the model is not needed: then the sentences for people are the whole answer.
    `passages` are in the order of their numbers in the prompt.
    """

    model: str
    prompt: Prompt | None
    passages: tuple[Passage, ...] = ()
    notes: tuple[str, ...] = ()
    quoted: Quoted = NOTHING_QUOTED
    """The documents that the prompt contains, directly or quoted by earlier answers."""
    awaits: tuple[DocumentId, ...] = ()
    """The question's files that are not read yet: the model is not asked before they are."""


class Briefing:
    """Builds briefs. One instance per process."""

    def __init__(
        self,
        model: Model,
        history: History,
        settings: PlaceSettings,
        knowledge: Knowledge | None,
        audience: Audience,
        *,
        default_model: str,
        today: Callable[[], date],
    ) -> None:
        self._model = model
        self._history = history
        self._settings = settings
        self._knowledge = knowledge
        self._lookup = Lookup(knowledge, history, model) if knowledge is not None else None
        self._audience = audience
        self._default_model = default_model
        self._today = today

    async def wanted(self, question: Incoming, chat: Chat) -> Incoming | None:
        """The question if it is to be answered, else None.

        A message that does not address us is answered only if its files are to be read. Raises
        StoreError, RateLimited or Unreachable.
        """
        if question.addressed or question.waited:
            return question
        if self._knowledge is None or not (question.attachments or question.files_unresolved):
            return None
        if not await self._settings.auto(question.conversation.place):
            return None
        if await self.refused(question, chat):
            return None
        if question.files_unresolved:
            try:
                question = await chat.completed(question)
            except (Forbidden, Gone) as exc:
                log.info("a message's files are not known: %s", type(exc).__name__)
        return question if question.attachments else None

    async def refused(self, question: Incoming, chat: Chat) -> str:
        """The reason why a person gets no answers, empty if they do."""
        refused = await self._audience.refuses(question.person, chat)
        return phrase("reply.guest") if refused else ""

    async def of(
        self,
        question: Incoming,
        chat: Chat,
        live: Shows,
        thread: Sequence[Message],
        *,
        given_up: bool = False,
    ) -> Brief:
        """The brief for a question. Raises StoreError or ModelError.

        `given_up`: the question does not wait any longer for files that are not read yet.
        """
        where = question.conversation
        shared = Shared()
        if question.attachments:
            if self._knowledge is None or question.private:
                return Brief("", None, notes=(self._not_taken(question),))
            shared = await self._knowledge.sharing.take(question, chat, live.status)
            if shared.waiting and not given_up:
                return Brief("", None, awaits=tuple(each.id for each in shared.waiting))
        chosen, exchanges, scopes = await together(
            self._settings.model(where.place),
            self._history.recent(question.history, prompt.WINDOW),
            self._audience.of(question.person, where, chat),
        )
        known = await self._recalled(exchanges, where, scopes)
        name = chosen if chosen and chosen in MODELS else self._default_model
        before = prompt.merge(question.message_id, known.turns, thread, known.withheld)
        asker = next((each.person for each in thread if each.message_id == question.message_id), "")

        def build(block: str, request: str | None = None, *, documents: str = "") -> Prompt:
            return prompt.build(
                question,
                name,
                before,
                self._today(),
                asker=asker,
                documents=documents,
                block=block,
                request=request,
            )

        if question.attachments:
            brief = await self._of_files(
                question, shared, chat, live, name=name, build=build, scopes=scopes
            )
        else:
            found = LookedUp()
            if self._lookup is not None:
                found = await self._lookup.of(question, chat, live, scopes, before)
            made_from = quoted(each.document for each in found.passages)
            asked = build(found.block, documents=found.documents)
            brief = Brief(name, asked, found.passages, found.notes, made_from)
        return replace(brief, quoted=brief.quoted | known.quoted)

    async def _recalled(
        self, exchanges: Sequence[Exchange], where: Conversation, scopes: frozenset[Scope]
    ) -> Recalled:
        """The earlier exchanges, as far as the person may see them now."""
        wanted = documents_of(exchanges)
        known = self._knowledge
        rows = await known.manifest.get(wanted) if known is not None and wanted else {}
        return recalled(exchanges, where, scopes, rows)

    def _not_taken(self, question: Incoming) -> str:
        """Why the files of a question are not taken."""
        if question.private and self._knowledge is not None:
            return phrase("file.private")
        return user_messages.not_set_up(each.name for each in question.attachments)

    async def _of_files(
        self,
        question: Incoming,
        shared: Shared,
        chat: Chat,
        live: Shows,
        *,
        name: str,
        build: Callable[[str, str | None], Prompt],
        scopes: frozenset[Scope],
    ) -> Brief:
        """The brief for a question about its attached files, or for a summary of them."""
        late = tuple(user_messages.not_read(each.name, "not_yet") for each in shared.waiting)
        documents = [each for each in shared.documents if each.seen_by(scopes)]
        unread = (
            shared.unread
            + late
            + tuple(
                user_messages.not_read(each.name, "forbidden")
                for each in shared.documents
                if each not in documents
            )
        )
        asks = question.addressed and bool(question.text.strip())
        if not documents and not asks:
            return Brief(name, None, notes=unread)
        passages = await self._of_documents(question, documents, live, scopes, asks=asks)
        request = None if asks else summaries.ask(documents, await _nearby(chat))
        asked = build(passages_block(passages) if passages else "", request)
        # a summary covers the whole file, so it needs no sources
        sources = tuple(passages) if asks else ()
        return Brief(name, asked, sources, unread, quoted(documents))

    async def _of_documents(
        self,
        question: Incoming,
        documents: Sequence[Document],
        live: Shows,
        scopes: frozenset[Scope],
        *,
        asks: bool,
    ) -> Sequence[Passage]:
        knowledge = self._knowledge
        if knowledge is None or not documents:
            return ()
        all_of_it = await whole(documents, knowledge.library, WHOLE)
        if all_of_it is not None:
            return all_of_it
        ids = [each.id for each in documents]
        if asks:
            return await knowledge.library.search(question.text, scopes, only=ids, limit=20)
        read = await together(*(knowledge.library.read(each) for each in documents))
        passages = [passage for each in read for passage in each]

        def told(done: int, total: int) -> None:
            live.status(user_messages.summarising(done, total))

        told(0, len(summaries.split(passages, summaries.PART)))
        return await summaries.condensed(passages, self._model, "haiku", told)


async def _nearby(chat: Chat) -> Sequence[Message]:
    """Recent messages in the channel, which show the language that people use there."""
    try:
        return await chat.nearby(NEARBY)
    except ChatError as exc:
        log.warning("the channel was not read: %s", type(exc).__name__)
        return ()

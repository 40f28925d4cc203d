"""Decides which earlier exchanges of a conversation a person may see now. Pure.

An answer may repeat its passages, and earlier answers in its prompt. So each exchange is stored
with everything that it was based on (`Quoted`), earlier exchanges included, and the same rule
applies as in searches: the person must be allowed to see all of these places, and all documents
must still exist. Otherwise the whole exchange is left out, question and answer.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from core.values.answer import Exchange, Message
from core.values.conversation import LIBRARY, NOTHING_QUOTED, Conversation, Kind, Quoted, Scope
from core.values.documents import Document, DocumentId


@dataclass(frozen=True, slots=True)
class Recalled:
    """The earlier turns that may be seen, oldest first, and what their answers were based on.

    `withheld` are the message ids of the questions that were left out.
    """

    turns: tuple[Message, ...] = ()
    quoted: Quoted = NOTHING_QUOTED
    withheld: frozenset[str] = frozenset()


def documents_of(exchanges: Sequence[Exchange]) -> frozenset[DocumentId]:
    """The documents that have to be looked up before `recalled`."""
    told = (each.quoted for each in exchanges if each.quoted is not None)
    return frozenset(DocumentId(*each) for one in told for each in one.documents)


def recalled(
    exchanges: Sequence[Exchange],
    where: Conversation,
    scopes: Collection[Scope],
    documents: Mapping[DocumentId, Document],
) -> Recalled:
    """The exchanges that a person who may see `scopes` may see in a conversation.

    `documents` are the existing ones among `documents_of(exchanges)`.
    """
    turns: list[Message] = []
    quoted, withheld = NOTHING_QUOTED, set[str]()
    for each in exchanges:
        made_from = _unsaid(where) if each.quoted is None else each.quoted
        if each.forgotten or made_from is None or not _seen(made_from, scopes, documents):
            withheld.add(each.question.message_id)
            continue
        turns += (each.question, each.answer)
        quoted |= made_from
    return Recalled(tuple(turns), quoted, frozenset(withheld))


def _unsaid(where: Conversation) -> Quoted | None:
    """What an exchange may have quoted that did not record it.

    In a channel, these are its own files and the library; in a direct chat, anything (None).
    """
    if where.kind is Kind.DIRECT:
        return None
    return Quoted(frozenset({where.scope.prefix, LIBRARY.prefix}))


def _seen(
    made_from: Quoted, scopes: Collection[Scope], documents: Mapping[DocumentId, Document]
) -> bool:
    if not all(Scope(each) in scopes for each in made_from.scopes):
        return False
    rows = (documents.get(DocumentId(*each)) for each in made_from.documents)
    return all(row is not None and row.seen_by(scopes) for row in rows)

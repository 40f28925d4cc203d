"""What of a conversation's earlier exchanges a person may be reminded of now. Pure.

An answer may repeat what its passages said, and what earlier answers in its prompt said. So each
exchange is kept with all that it was made from (`Quoted`), earlier exchanges included, and the same
rule holds for it as for a search: the person has to see all of these places, and each document has
to be there still. Else it is left out whole, question and answer.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from core.values.answer import Exchange, Message
from core.values.conversation import LIBRARY, NOTHING_QUOTED, Conversation, Kind, Quoted, Scope
from core.values.documents import Document, DocumentId


@dataclass(frozen=True, slots=True)
class Recalled:
    """`turns`, oldest first, and what their answers were made from; `withheld` are the message ids
    of the questions that were left out."""

    turns: tuple[Message, ...] = ()
    quoted: Quoted = NOTHING_QUOTED
    withheld: frozenset[str] = frozenset()


def documents_of(exchanges: Sequence[Exchange]) -> frozenset[DocumentId]:
    """The documents that have to be looked up to recall exchanges."""
    told = (each.quoted for each in exchanges if each.quoted is not None)
    return frozenset(DocumentId(*each) for one in told for each in one.documents)


def recalled(
    exchanges: Sequence[Exchange],
    where: Conversation,
    scopes: Collection[Scope],
    documents: Mapping[DocumentId, Document],
) -> Recalled:
    """Those exchanges that may be shown to who sees `scopes` in a conversation.

    `documents` are the rows of `documents_of` that there are.
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
    """What an exchange may have quoted that does not say so: in a channel its own files and the
    library, in a direct chat anything (None)."""
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

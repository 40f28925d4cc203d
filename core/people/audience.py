"""The scopes that a person may see where they ask: one rule for searches and for history."""

from __future__ import annotations

import logging

from core.ports.chat import Chat, ChatError
from core.ports.documents import Removals
from core.values.conversation import LIBRARY, Conversation, Outsiders, Person, Scope

log = logging.getLogger(__name__)


class Audience:
    """Decides who may see what. One instance per process.

    `removals` is None if there are no documents.
    """

    def __init__(self, removals: Removals | None, outsiders: Outsiders) -> None:
        self._removals = removals
        self._outsiders = outsiders

    async def of(self, person: Person, where: Conversation, chat: Chat) -> frozenset[Scope]:
        """The places whose documents a person may see here now, except places that we left.

        Raises StoreError.
        """
        here = where.scope
        if await outside(person, chat):
            widened = self._outsiders is Outsiders.LIBRARY
            return frozenset({here, LIBRARY} if widened else {here})
        if self._removals is None:
            return frozenset({here, LIBRARY})
        return await still_ours(await chat.audience(person), here, self._removals)

    async def refuses(self, person: Person, chat: Chat) -> bool:
        """Whether this person gets no answers at all."""
        return self._outsiders is Outsiders.NONE and await outside(person, chat)


async def outside(person: Person, chat: Chat) -> bool:
    """Whether a person is an outsider; so is anybody about whom the platform does not answer."""
    if person.outsider:
        return True
    try:
        return await chat.outsider(person)
    except ChatError as exc:
        log.warning("not known to be from inside, so taken for a guest: %s", type(exc).__name__)
        return True


async def still_ours(scopes: frozenset[Scope], here: Scope, removals: Removals) -> frozenset[Scope]:
    """`scopes` without places that we left, or whose team has another place that we left."""
    others = scopes - {here, LIBRARY}
    if not others:
        return scopes
    left = await removals.among(place for each in others for place in _places(each))
    return frozenset(e for e in scopes if e not in others or left.isdisjoint(_places(e)))


def _places(scope: Scope) -> frozenset[str]:
    return scope.within | {scope.prefix}

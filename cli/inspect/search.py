"""What retrieval finds for a question, with what a person may see, and how it was scored."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

from bots.platforms import platforms
from cli.commands.upload import reached
from cli.inspect.reading import Unusable
from core.aws.access.error_messages import explained
from core.knowledge.library import IndexedLibrary
from core.knowledge.retrieval import FLOOR, PARENTS, WORDS, distinct
from core.people.audience import still_ours
from core.ports.chat import ChatError
from core.ports.index import ForeignIndex, IndexRejected
from core.ports.model import ModelError
from core.ports.store_error import StoreError
from core.runtime.settings import Settings, SettingsError, load
from core.values.conversation import LIBRARY, Conversation, Kind, Person, Scope
from core.wiring import core, settings_of
from core.wording.locators import place_in_file

PLATFORMS = ("slack", "teams")
UNSAID = "-"
"""The channel of a direct chat whose id nobody told: no file is of it."""


async def made(options: argparse.Namespace) -> tuple[str, Any]:
    """Return what is found, as text and as data. Raises Unusable."""
    where = _where(options.person, options.channel)
    try:
        settings = _settings(os.environ, Path(options.state), talks=where is not None)
        found = await _found(settings, options.question, where, options.person)
    except SettingsError as exc:
        raise Unusable(" ".join(exc.problems)) from exc
    except ChatError as exc:
        raise Unusable(f"the platform refuses to say what this person sees: {exc}.") from exc
    except (ForeignIndex, IndexRejected) as exc:
        raise Unusable(f"the index refuses it: {exc}.") from exc
    except StoreError as exc:
        raise Unusable(explained(exc) or f"no answer: {exc}.") from exc
    except ModelError as exc:
        raise Unusable(f"the embedding model fails: {type(exc).__name__} {exc}.") from exc
    return _as_text(found), found


def _settings(environ: MutableMapping[str, str], state: Path, *, talks: bool) -> Settings:
    reached(environ, state)
    settings = settings_of(environ) if talks else load(environ, talks=False)
    if not settings.opensearch_url:
        raise SettingsError(["OPENSEARCH_URL is not set: files are searched there."])
    return settings


def _where(person: str, channel: str) -> Conversation | None:
    """Where it is asked; None where nobody is named. Raises Unusable."""
    if not person:
        if channel:
            raise Unusable("--in wants --as: who asks there decides what may be seen.")
        return None
    platform, _, rest = person.partition("/")
    tenant, _, who = rest.partition("/")
    if platform not in PLATFORMS or not tenant or not who:
        raise Unusable("--as is PLATFORM/TENANT/PERSON: slack/T123/U456, or teams/… with ids.")
    return Conversation(platform, tenant, channel or UNSAID, None, _kind(platform, channel))


def _kind(platform: str, channel: str) -> Kind:
    """What an id says of its place. Slack's group chats have C or G, as private channels have."""
    if not channel or channel.startswith("D" if platform == "slack" else "a:"):
        return Kind.DIRECT
    if platform == "teams" and "@thread.v2" in channel:
        return Kind.GROUP
    return Kind.CHANNEL


async def _found(
    settings: Settings, question: str, where: Conversation | None, person: str
) -> dict[str, Any]:
    async with core(settings, time.time) as parts:
        if parts.shelf is None:
            raise AssertionError("the settings name an index")
        scopes = frozenset({LIBRARY})
        if where is not None:
            who = person.split("/", 2)[2]
            async with platforms(settings, parts.ledgers) as reached_by:
                scopes = await _audience(where, who, reached_by)
            scopes = await still_ours(scopes, where.scope, parts.shelf.removals)
        library = IndexedLibrary(parts.shelf.index, parts.shelf.manifest, parts.shelf.embeddings)
        ranked = await library.ranked(question, scopes, limit=PARENTS, floor=float("-inf"))
    kept = [ranked[n] for n in distinct([passage.text for _, passage in ranked])]
    passages = [
        {
            "score": each.score,
            "cosine": each.cosine,
            "words": each.words,
            "passes": each.score >= FLOOR,
            "place": passage.document.id.place,
            "file": passage.document.name,
            "where": place_in_file(passage.locator),
            "text": passage.text,
        }
        for each, passage in kept
    ]
    nowhere = where.scope if where is not None and where.channel == UNSAID else None
    places = sorted(each.prefix for each in scopes if each != nowhere)
    return {"floor": FLOOR, "weight": WORDS, "places": places, "passages": passages}


async def _audience(where: Conversation, who: str, reached_by: Any) -> frozenset[Scope]:
    """Return what a person may see there, as the platform says. Raises Unusable or ChatError."""
    if where.platform not in reached_by:
        raise Unusable(f"{where.platform} is not configured here: it says what a person sees.")
    chat, _ = reached_by[where.platform](where, {"aad": who, "user": who})
    found: frozenset[Scope] = await chat.audience(Person(who))
    return found


def _as_text(found: dict[str, Any]) -> str:
    """The floor and the places, then each passage under a line with its scores."""
    head = f"FLOOR {found['floor']:.2f} in {', '.join(found['places'])}"
    parts = [_passage(number, each) for number, each in enumerate(found["passages"], 1)]
    return "\n\n".join((head, *(parts or ["NOTHING"])))


def _passage(number: int, each: dict[str, Any]) -> str:
    at = ", ".join(part for part in (f"{each['place']}/{each['file']}", each["where"]) if part)
    below = "" if each["passes"] else ", below the floor"
    return (
        f"PASSAGE {number} score {each['score']:.3f} (cosine {each['cosine']:.3f}, words "
        f"{each['words']:.3f}){below}: {at}\n\n{each['text']}"
    )

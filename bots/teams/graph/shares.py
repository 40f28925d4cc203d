"""Convert what Graph returns about a shared file to our values. Pure.

https://learn.microsoft.com/graph/api/resources/driveitem
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import quote

from bots.wire.fields import map_of, maps_of, size_of, text_of
from core.ports.file_sources import Freshness
from core.values.conversation import Attachment
from core.values.documents import Document

SHARE = "graph-share:"
"""The prefix of our URL for a file named in a message; anybody could have written that name."""
ITEM = "graph-item:"
"""The prefix of our URL for a file that its sharer may open."""

Item = Mapping[str, Any]


def address_of(url: str) -> str:
    """Return the path in Graph of the item at one of our URLs; empty for any other URL."""
    if url.startswith(ITEM):
        return url.removeprefix(ITEM)
    return f"shares/{shared(url)}/driveItem" if url.startswith(SHARE) else ""


def shared(url: str) -> str:
    """Encode a file's URL as Graph's `/shares` expects it.

    https://learn.microsoft.com/graph/api/shares-get#encoding-sharing-urls
    """
    plain = url.removeprefix(SHARE).encode()
    return "u!" + urlsafe_b64encode(plain).rstrip(b"=").decode()


def item_of(attachment: Attachment, item: Item) -> Attachment:
    """Return a file with its current size, type and version, under the name in its message."""
    drive = text_of(map_of(item.get("parentReference")).get("driveId"))
    place = f"drives/{quote(drive, safe='')}/items/{quote(text_of(item.get('id')), safe='')}"
    return replace(
        attachment,
        name=attachment.name or text_of(item.get("name")),
        size=size_of(item.get("size")),
        media_type=text_of(map_of(item.get("file")).get("mimeType"))[:255],
        url=f"{ITEM}{place}",
        source=f"{ITEM}{place}",
        link=text_of(item.get("webUrl")) or attachment.link,
        version=version_of(item),
    )


def version_of(item: Item) -> str:
    """Return the item's cTag, which identifies its content and does not change when it is
    renamed."""
    names = ("cTag", "eTag", "lastModifiedDateTime")
    return next((told for each in names if (told := text_of(item.get(each)))), "")[:300]


def freshness_of(document: Document, item: Item | None) -> Freshness:
    """Compare a file with what was read of it; `item` is None if the file is gone.

    For what was read before versions were stored, the time of the last change decides.
    """
    if item is None:
        return Freshness.GONE
    if document.source_version:
        same = version_of(item) == document.source_version
    else:
        same = modified(item) <= document.shared_at
    return Freshness.SAME if same else Freshness.CHANGED


def modified(item: Item) -> float:
    """Return when an item was last changed, in seconds since the epoch; 0 if unknown."""
    try:
        return datetime.fromisoformat(text_of(item.get("lastModifiedDateTime"))).timestamp()
    except ValueError:
        return 0.0


def is_named(permissions: Sequence[Mapping[str, Any]], person: str, address: str) -> bool:
    """Whether permissions let a person open an item: by name, or by a link for several people that
    is the very URL they shared.

    A link given to others grants them nothing, and members of a site or group are unknown here.
    https://learn.microsoft.com/graph/api/resources/permission
    """
    return any(_lets(each, person, address) for each in permissions)


def _lets(permission: Mapping[str, Any], person: str, address: str) -> bool:
    if not permission.get("roles"):
        return False
    link = map_of(permission.get("link"))
    if link.get("scope") in ("anonymous", "organization"):
        told = text_of(link.get("webUrl"))
        return bool(told) and told.partition("?")[0] == address.partition("?")[0]
    named = [
        permission.get("grantedToV2"),
        permission.get("grantedTo"),
        *maps_of(permission.get("grantedToIdentitiesV2")),
        *maps_of(permission.get("grantedToIdentities")),
    ]
    return any(map_of(map_of(each).get("user")).get("id") == person for each in named)

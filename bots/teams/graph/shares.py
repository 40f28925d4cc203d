"""What Graph tells of a shared file, as values of ours. Pure.

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
"""What the address of a file begins with that a message named; whoever wrote it, could."""
ITEM = "graph-item:"
"""The same of a file that its sharer may open."""

Item = Mapping[str, Any]


def address_of(url: str) -> str:
    """Where Graph has the item of an address of ours; empty for any other."""
    if url.startswith(ITEM):
        return url.removeprefix(ITEM)
    return f"shares/{shared(url)}/driveItem" if url.startswith(SHARE) else ""


def shared(url: str) -> str:
    """A file's address as Graph takes it.

    https://learn.microsoft.com/graph/api/shares-get#encoding-sharing-urls
    """
    plain = url.removeprefix(SHARE).encode()
    return "u!" + urlsafe_b64encode(plain).rstrip(b"=").decode()


def item_of(attachment: Attachment, item: Item) -> Attachment:
    """Size, kind and version of a file as it is now, under the name that its message gave it."""
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
    """What names the content that an item has now: its cTag, which a new name does not change."""
    names = ("cTag", "eTag", "lastModifiedDateTime")
    return next((told for each in names if (told := text_of(item.get(each)))), "")[:300]


def freshness_of(document: Document, item: Item | None) -> Freshness:
    """How a file is beside what was read of it; `item` is None where it is gone.

    Of what was read before versions were kept, the time of the last change decides.
    """
    if item is None:
        return Freshness.GONE
    if document.source_version:
        same = version_of(item) == document.source_version
    else:
        same = modified(item) <= document.shared_at
    return Freshness.SAME if same else Freshness.CHANGED


def modified(item: Item) -> float:
    """When an item was last changed, in seconds since the epoch; 0 where nobody says."""
    try:
        return datetime.fromisoformat(text_of(item.get("lastModifiedDateTime"))).timestamp()
    except ValueError:
        return 0.0


def is_named(permissions: Sequence[Mapping[str, Any]], person: str, address: str) -> bool:
    """Whether permissions let somebody open an item: by name, or by a link for more people that is
    the very address which they shared.

    A link that others have is no access of theirs, and a site's or a group's members are not known
    here. https://learn.microsoft.com/graph/api/resources/permission
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

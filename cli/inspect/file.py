"""What is read from a file: its blocks in order, the pictures for Claude, or why it is not read.

The same child process reads it as in production, under the same limits.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

from PIL import Image, ImageStat

from core.runtime.settings import MAX_FILE_MB
from core.values.documents import Block, Locator, Picture
from core.wording import user_messages
from ingestion.chunks import chunked, written
from ingestion.extract.errors import Unreadable
from ingestion.extract.total import Total
from ingestion.pipeline import MOST_TEXT
from ingestion.sandbox.parent import Record, extract


@dataclass(slots=True)
class Reading:
    """The content of a file: `items` in order; `reason` is empty if the file was read."""

    items: list[Block | Picture] = field(default_factory=list)
    pages: int = 0
    reason: str = ""


async def read(path: Path, name: str, limit: int = MAX_FILE_MB * 1024**2) -> Reading:
    """Read a file as the ingester does; `limit` is the most bytes of a file."""
    found = Reading()
    size = await asyncio.to_thread(lambda: path.stat().st_size)
    if size > limit:
        found.reason = "too_large"
        return found
    characters = 0
    try:
        records = cast(AsyncGenerator[Record, None], extract(path, name))
        async with aclosing(records):
            async for record in records:
                if isinstance(record, Total):
                    found.pages = record.pages
                    continue
                found.items.append(record)
                characters += len(record.text) if isinstance(record, Block) else 0
                if characters > MOST_TEXT:
                    found.reason = "too_large"
                    return found
    except Unreadable as exc:
        found.reason = exc.reason
        return found
    blocks = [each for each in found.items if isinstance(each, Block)]
    if len(blocks) == len(found.items) and not any(True for _ in chunked(blocks)):
        found.reason = "no_text"
    return found


def as_text(reading: Reading) -> str:
    """Return the blocks as they go into a prompt, separated by blank lines."""
    parts = [
        written(each) if isinstance(each, Block) else _picture_line(each) for each in reading.items
    ]
    if reading.reason:
        parts.append(f"UNREADABLE {reading.reason}")
    return "\n\n".join(part for part in parts if part)


def as_json(reading: Reading) -> dict[str, Any]:
    """`items` with what each is, `pages` (0 where there are none), `unreadable`: null or why."""
    told = None
    if reading.reason:
        told = {"reason": reading.reason, "sentence": user_messages.why_not(reading.reason)}
    items = [_block(each) if isinstance(each, Block) else _picture(each) for each in reading.items]
    return {"pages": reading.pages, "items": items, "unreadable": told}


def _block(block: Block) -> dict[str, Any]:
    where = _where(block.locator)
    return {"kind": block.kind, "level": block.level, "locator": where, "text": block.text}


def _picture(picture: Picture) -> dict[str, Any]:
    width, height, brightness = looks_of(picture)
    return {
        "kind": "picture",
        "locator": _where(picture.locator),
        "media_type": picture.media_type,
        "width": width,
        "height": height,
        "brightness": brightness,
    }


def _picture_line(picture: Picture) -> str:
    width, height, brightness = looks_of(picture)
    return f"PICTURE {width}x{height} brightness {brightness}"


def looks_of(picture: Picture) -> tuple[int, int, int]:
    """Return width and height in pixels, and mean brightness from 0 to 255, as sent."""
    with Image.open(io.BytesIO(picture.data)) as image:
        (mean,) = ImageStat.Stat(image.convert("L")).mean
        return image.width, image.height, round(mean)


def _where(locator: Locator) -> dict[str, Any]:
    return {name: value for name, value in asdict(locator).items() if value}

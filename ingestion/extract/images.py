"""Images, for Claude to read: checked, upright, and no larger than the model can see."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

from core.values.documents import Picture
from ingestion.extract.errors import Unreadable

EDGE = 1568
PIXELS = 100_000_000


def read(path: Path) -> Iterator[Picture]:
    """Yield one picture; of an animation, the first frame."""
    Image.MAX_IMAGE_PIXELS = PIXELS
    try:
        with Image.open(path, formats=("PNG", "JPEG", "WEBP", "GIF")) as image:
            if image.width * image.height > PIXELS:
                raise Unreadable("too_large")
            image.draft("RGB", (EDGE, EDGE))
            upright = ImageOps.exif_transpose(image)
            upright.thumbnail((EDGE, EDGE))
            yield _encoded(upright)
    except Image.DecompressionBombError as exc:
        raise Unreadable("too_large") from exc
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as exc:
        raise Unreadable("damaged") from exc


def _encoded(image: Image.Image) -> Picture:
    """Encode as PNG for drawings and transparency, as JPEG if that is smaller."""
    png, jpeg = io.BytesIO(), io.BytesIO()
    flat = Image.new("RGB", image.size, "white")
    clear = image.convert("RGBA")
    flat.paste(clear, mask=clear.getchannel("A"))
    flat.save(png, "PNG")
    flat.save(jpeg, "JPEG", quality=85)
    if len(png.getvalue()) <= 2 * len(jpeg.getvalue()):
        return Picture(png.getvalue(), "image/png")
    return Picture(jpeg.getvalue(), "image/jpeg")

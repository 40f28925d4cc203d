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
            yield encoded(ImageOps.exif_transpose(image))
    except Image.DecompressionBombError as exc:
        raise Unreadable("too_large") from exc
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as exc:
        raise Unreadable("damaged") from exc


def encoded(image: Image.Image) -> Picture:
    """Encode as PNG for drawings and transparency, as JPEG if that is smaller."""
    png, jpeg = io.BytesIO(), io.BytesIO()
    image = _in_bytes(image)
    image.thumbnail((EDGE, EDGE))
    flat = Image.new("RGB", image.size, "white")
    clear = image.convert("RGBA")
    flat.paste(clear, mask=clear.getchannel("A"))
    flat.save(png, "PNG")
    flat.save(jpeg, "JPEG", quality=85)
    if len(png.getvalue()) <= 2 * len(jpeg.getvalue()):
        return Picture(png.getvalue(), "image/png")
    return Picture(jpeg.getvalue(), "image/jpeg")


def _in_bytes(image: Image.Image) -> Image.Image:
    """With 8 bits a channel: Pillow would cut brighter values off rather than scale them."""
    if image.mode.startswith("I;16"):
        return image.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    if image.mode == "I":
        return image.point(lambda value: value * (1 / 256)).convert("L")
    if image.mode == "CMYK":
        return image.convert("RGB")
    return image

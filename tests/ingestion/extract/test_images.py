"""Images in every depth and colour space look as they do in a viewer."""

import io

import pytest
from PIL import Image, ImageStat

from tests.ingestion.extract.reading import read


async def brightness(path):
    (picture,) = await read(path)
    return ImageStat.Stat(Image.open(io.BytesIO(picture.data)).convert("L")).mean[0]


@pytest.mark.parametrize("grey", [0, 40, 128, 250])
async def test_a_grey_image_of_16_bits_keeps_its_brightness(tmp_path, grey):
    Image.new("I;16", (40, 30), grey * 256).save(tmp_path / "x.png")
    assert await brightness(tmp_path / "x.png") == pytest.approx(grey, abs=2)


@pytest.mark.parametrize(
    ("mode", "colour", "kind"),
    [
        ("CMYK", (0, 0, 0, 127), "JPEG"),
        ("P", 128, "GIF"),
        ("L", 128, "PNG"),
        ("LA", (128, 255), "PNG"),
        ("RGBA", (128, 128, 128, 255), "PNG"),
    ],
)
async def test_other_colour_spaces_keep_their_brightness(tmp_path, mode, colour, kind):
    image = Image.new(mode, (40, 30), colour)
    if mode == "P":
        image.putpalette([level for level in range(256) for _ in range(3)])
    image.save(tmp_path / f"x.{kind.lower()}")
    assert await brightness(tmp_path / f"x.{kind.lower()}") == pytest.approx(128, abs=4)

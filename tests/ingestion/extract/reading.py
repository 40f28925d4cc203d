"""What the tests of the readers share: files made by hand, read through the child."""

import zipfile

import pytest

from core.values.documents import Block
from ingestion.extract.errors import Unreadable
from ingestion.sandbox.parent import Limits, extract


def put(folder, name, data):
    path = folder / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def zipped(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


async def read(path, name=None, **limits):
    return [each async for each in extract(path, name or path.name, Limits(**limits))]


async def blocks(path, name=None):
    return [each for each in await read(path, name) if isinstance(each, Block)]


async def texts(path, name=None):
    return [each.text for each in await blocks(path, name)]


async def reason(path, name=None, **limits):
    with pytest.raises(Unreadable) as caught:
        await read(path, name, **limits)
    return caught.value.reason

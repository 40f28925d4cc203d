"""Decodes and encodes AWS's event-stream frames.

Frame: total length, headers length, CRC of both (4 bytes each, big-endian), headers, payload, CRC
of all before. https://docs.aws.amazon.com/transcribe/latest/dg/event-stream.html
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

_PRELUDE = struct.Struct(">III")
_STRING = 7
_FIXED = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
MOST = 16 * 1024**2
"""The largest frame that the format allows, in bytes."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One message. `kind` is event, exception or error; `name` the event's or exception's type."""

    kind: str
    name: str
    payload: bytes


class Decoder:
    """An incremental decoder of frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    @property
    def pending(self) -> bool:
        """Whether the buffer holds an incomplete frame."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Add received bytes, and yield the frames that are complete. Raises ValueError."""
        self._buffer += data
        while len(self._buffer) >= _PRELUDE.size:
            total, headers, checksum = _PRELUDE.unpack_from(self._buffer)
            if zlib.crc32(self._buffer[:8]) != checksum or not 16 <= total <= MOST:
                raise ValueError("event stream out of step")
            if len(self._buffer) < total:
                return
            frame = bytes(self._buffer[:total])
            del self._buffer[:total]
            if zlib.crc32(frame[:-4]) != int.from_bytes(frame[-4:], "big"):
                raise ValueError("event stream frame damaged")
            yield _frame(frame[12 : 12 + headers], frame[12 + headers : -4])


def _frame(headers: bytes, payload: bytes) -> Frame:
    return Frame(*_names(headers), payload)


@lru_cache(maxsize=64)
def _names(headers: bytes) -> tuple[str, str]:
    """Kind and name in headers; cached, as a stream repeats the same few thousands of times."""
    names: dict[str, str] = {}
    at = 0
    while at < len(headers):
        end = at + 1 + headers[at]
        name, kind, at = headers[at + 1 : end].decode(), headers[end], end + 1
        if kind in _FIXED:
            at += _FIXED[kind]
            continue
        size = int.from_bytes(headers[at : at + 2], "big")
        if kind == _STRING:
            names[name] = headers[at + 2 : at + 2 + size].decode()
        at += 2 + size
    kind_of = names.get(":message-type", "event")
    name_of = names.get(":event-type") or names.get(":exception-type") or names.get(":error-code")
    return kind_of, name_of or ""


def encode(kind: str, name: str, payload: bytes) -> bytes:
    """The frame for an event or exception with a JSON payload."""
    header_name = {"event": ":event-type", "exception": ":exception-type"}[kind]
    headers = b"".join(
        bytes([len(key)]) + key.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
        for key, value in (
            (header_name, name),
            (":content-type", "application/json"),
            (":message-type", kind),
        )
    )
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    frame = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
    return frame + struct.pack(">I", zlib.crc32(frame))

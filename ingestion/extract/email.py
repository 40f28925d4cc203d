"""Mails (.eml): who, when, about what, and everything that was written in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.header import decode_header
from email.message import EmailMessage, MIMEPart
from pathlib import Path

from core.values.documents import Block
from ingestion.extract import html
from ingestion.extract.decode import decode, labelled
from ingestion.extract.errors import Unreadable, clean

HEADERS = ("From", "To", "Cc", "Date")
DEEPEST = 10
"""Mails within mails that are read."""
STUB = 3
"""How many times longer an alternative is than a plain text that only says to look there."""
WORDS = re.compile(r"=\?[^?\s]+\?[bq]\?", re.I)
EVENT = re.compile(r"^(SUMMARY|DTSTART|DTEND|LOCATION|DESCRIPTION|ORGANIZER)[^:\n]*:(.*)$", re.M)


def read(path: Path) -> Iterator[Block]:
    """Subject, headers and every part of the body in order; attached files are named."""
    mail = message_from_bytes(path.read_bytes(), policy=policy.default)
    if not isinstance(mail, EmailMessage):
        raise Unreadable("damaged")
    yield from _mail(mail, 1)


def _mail(mail: MIMEPart, depth: int) -> Iterator[Block]:
    charset = _charset(mail)
    if subject := _header(mail, "Subject", charset):
        yield Block(subject, kind="heading", level=min(depth, 6))
    told = [f"{name}: {value}" for name in HEADERS if (value := _header(mail, name, charset))]
    if told:
        yield Block("\n".join(told))
    yield from _part(mail, depth)


def _part(part: MIMEPart, depth: int) -> Iterator[Block]:
    kind = part.get_content_type()
    name = clean(part.get_filename() or "").strip()
    if kind == "message/rfc822" and depth < DEEPEST:
        for each in part.iter_parts():
            yield from _mail(each, depth + 1)
    elif part.is_multipart():
        yield from _parts(part, depth)
    elif kind == "text/calendar":
        yield from _invitation(_content(part))
    elif part.get_content_disposition() == "attachment" or not kind.startswith("text/"):
        yield Block(f"Attachment: {name or f'without a name, {kind}'} (not read)")
    elif kind == "text/html":
        yield from _page(_content(part))
    else:
        for text in clean(_content(part)).split("\n\n"):
            if text.strip():
                yield Block(text.strip("\n"))


def _parts(part: MIMEPart, depth: int) -> Iterator[Block]:
    """The parts in order. Of alternatives the first that is no stub, and invitations."""
    parts = [*part.iter_parts()]
    if part.get_content_type() != "multipart/alternative":
        for each in parts:
            yield from _part(each, depth)
        return
    calendars = [each for each in parts if each.get_content_type() == "text/calendar"]
    read = [[*_part(each, depth)] for each in parts if each not in calendars]
    sizes = [sum(len(block.text) for block in each) for each in read]
    for blocks, size in zip(read, sizes, strict=True):
        if size and size * STUB >= max(sizes):
            yield from blocks
            break
    for each in calendars:
        yield from _part(each, depth)


def _page(text: str) -> Iterator[Block]:
    try:
        yield from html.of_text(text)
    except Unreadable:
        return


def _invitation(text: str) -> Iterator[Block]:
    """An invitation's fields, without those of its time zones. RFC 5545."""
    unfolded = re.sub(r"\r?\n[ \t]", "", text).replace("\r", "")
    event = unfolded.partition("BEGIN:VEVENT")[2] or unfolded
    lines = [
        f"{name.capitalize()}: {value.strip()}"
        for name, value in EVENT.findall(clean(event).replace("\\n", " ").replace("\\,", ","))
        if value.strip()
    ]
    if lines:
        yield Block("\n".join(lines))


def _charset(mail: MIMEPart) -> str:
    """The charset of a mail's text, in which raw headers most likely are."""
    for each in mail.walk():
        if found := each.get_content_charset():
            return str(found)
    return ""


def _header(mail: MIMEPart, name: str, charset: str) -> str:
    """A header's text, also where it holds raw bytes or words in an odd charset."""
    raw = next((v for k, v in mail.raw_items() if k.lower() == name.lower()), None)
    if raw is None:
        return ""
    text = str(raw)
    data = text.encode("ascii", "surrogateescape")
    if not data.isascii():
        return _line(_text(data, charset))
    if not WORDS.search(text):
        return _line(text)
    found, pending, label = [], b"", ""
    for part, named in (*decode_header(text), (b"", None)):
        piece = part if isinstance(part, bytes) else part.encode()
        if pending and named != label:
            found.append(_text(pending, label) if label else pending.decode("ascii", "replace"))
            pending = b""
        pending, label = pending + piece, named or ""
    found.append(_text(pending, label))
    return _line("".join(found))


def _line(text: str) -> str:
    return " ".join(clean(text).split())


def _text(data: bytes, charset: str) -> str:
    """Bytes in a charset; what it does not fit is guessed."""
    text = labelled(data, charset) if charset and charset != "unknown-8bit" else None
    return decode(data) if text is None or "\ufffd" in text else text


def _content(part: MIMEPart) -> str:
    data = part.get_payload(decode=True)
    if not isinstance(data, bytes):
        return ""
    return _text(data, part.get_content_charset() or "").replace("\r\n", "\n")

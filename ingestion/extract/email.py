"""Emails (.eml): subject, headers, body and the names of attachments."""

from __future__ import annotations

from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage, MIMEPart
from pathlib import Path

from core.values.documents import Block
from ingestion.extract import html
from ingestion.extract.decode import decode
from ingestion.extract.errors import Unreadable, clean

HEADERS = ("From", "To", "Cc", "Date")


def read(path: Path) -> Iterator[Block]:
    """Yield the subject, the other headers, the body, and the names of attachments."""
    mail = message_from_bytes(path.read_bytes(), policy=policy.default)
    if not isinstance(mail, EmailMessage):
        raise Unreadable("damaged")
    subject = clean(_header(mail, "Subject")).strip()
    if subject:
        yield Block(subject, kind="heading", level=1)
    told = [f"{name}: {clean(value)}" for name in HEADERS if (value := _header(mail, name))]
    if told:
        yield Block("\n".join(told))
    body = mail.get_body(("plain", "html"))
    if body is not None:
        content = _content(body)
        if body.get_content_type() == "text/html":
            yield from html.of_text(content)
        else:
            for each in clean(content).split("\n\n"):
                if each.strip():
                    yield Block(each.strip("\n"))
    for part in mail.iter_attachments():
        name = clean(part.get_filename() or "without a name")
        yield Block(f"Attachment: {name} (not read)")


def _header(mail: EmailMessage, name: str) -> str:
    try:
        return str(mail.get(name, ""))
    except (ValueError, IndexError, LookupError):  # a malformed header
        return ""


def _content(part: MIMEPart) -> str:
    try:
        return str(part.get_content())
    except (LookupError, UnicodeError):  # an unknown encoding
        data = part.get_payload(decode=True)
        return decode(data) if isinstance(data, bytes) else ""

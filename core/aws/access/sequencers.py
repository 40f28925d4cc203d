"""S3's event sequencers as version strings that sort in order of time."""

from __future__ import annotations

WIDTH = 32
"""Hexadecimal digits to which S3's sequencers are padded."""


def comparable(sequencer: str) -> str:
    """An S3 sequencer as a string that compares in order of time: padded on the right, as S3 says.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
    """
    return sequencer.upper().ljust(WIDTH, "0")


def after(seen: str) -> str:
    """A version of our own that sorts after `seen`, and before any later sequencer of the same key.

    A listing carries no sequencers, so a document that is queued again from one has none. Ours are
    the newest known sequencer and four more digits, which count up.
    """
    number = int(seen[WIDTH:] or "0", 16)
    return f"{seen[:WIDTH] or '0' * WIDTH}{number + 1:04X}"

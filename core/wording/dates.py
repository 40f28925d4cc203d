"""Dates as people read them, in UTC."""

from __future__ import annotations

from datetime import UTC, datetime

from core.wording.catalogue import phrase


def day(seconds: float) -> str:
    """`12 Nov 2026`, of seconds since the epoch."""
    at = datetime.fromtimestamp(seconds, UTC)
    month = phrase(f"date.month.{at.month}")
    return phrase("date.day", day=at.day, month=month, year=at.year)


def minute(seconds: float) -> str:
    """`12 Nov 2026, 09:30 UTC`, of seconds since the epoch."""
    clock = f"{datetime.fromtimestamp(seconds, UTC):%H:%M}"
    return phrase("date.time", date=day(seconds), clock=clock)

"""The error of every store and queue."""

from __future__ import annotations


class StoreError(Exception):
    """A store or queue did not answer."""

"""Bedrock's prompt cache as the stand-in simulates it: what a request reads, writes and pays for.

At each cache point a prefix is cached per region and model, if it has the model's minimum of
tokens, until five minutes after its last use. A request reads the longest cached prefix it shares,
looked for at its cache points and the blocks before them, and writes what lies between that prefix
and its last cache point.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from local.bedrock.rules import blocks

KEPT = 300.0
LOOK_BACK = 20
"""How many blocks before a cache point are searched for a cached prefix."""
MINIMUM = {"claude-haiku-4-5": 4096}
"""The fewest tokens of a cached prefix, by model; 1,024 for all others."""
PICTURE = 1_600


@dataclass(slots=True)
class _Prefix:
    """A cached prefix: `new` of its `tokens` were written with it, the rest with the prefix
    before."""

    tokens: int
    new: int
    until: float
    read: bool = False


@dataclass(frozen=True, slots=True)
class Counted:
    """The input tokens of a request; `fresh` ones were neither read from the cache nor written."""

    fresh: int
    read: int
    written: int


@dataclass(slots=True)
class Cache:
    """Simulates the cache; `counted` lists all requests so far, in order."""

    clock: Callable[[], float]
    counted: list[Counted] = field(default_factory=list)
    _kept: dict[str, _Prefix] = field(default_factory=dict)
    _vain: int = 0

    @property
    def vain(self) -> int:
        """Tokens that were written and never read."""
        return self._vain + sum(each.new for each in self._kept.values() if not each.read)

    def count(self, region: str, model: str, body: Mapping[str, Any]) -> Counted:
        """Count a request's tokens and update the cache."""
        now = self.clock()
        for key in [key for key, each in self._kept.items() if each.until < now]:
            gone = self._kept.pop(key)
            self._vain += 0 if gone.read else gone.new
        least = next((n for name, n in MINIMUM.items() if name in model), 1024)
        # messages are cached separately for each thinking mode
        extra = body.get("additionalModelRequestFields") or {}
        running = hashlib.sha256(json.dumps([region, model, extra.get("thinking")]).encode())
        keys: list[tuple[str, int]] = []
        points: list[int] = []
        tokens = 0
        for block in blocks(body):
            if "cachePoint" in block:
                points.append(len(keys) - 1)
                continue
            running.update(json.dumps(block, sort_keys=True).encode())
            tokens += _tokens(block)
            keys.append((running.hexdigest(), tokens))
        near = {n for at in points for n in range(max(0, at - LOOK_BACK), at + 1)}
        read = 0
        for number in sorted(near, reverse=True):
            if keys[number][0] in self._kept:
                read = keys[number][1]
                break
        written = 0
        for key, size in keys:
            if size <= read and key in self._kept:
                self._kept[key].until, self._kept[key].read = now + KEPT, True
        for number in points:
            key, size = keys[number]
            if number >= 0 and size >= least and size > read + written:
                self._kept[key] = _Prefix(size, size - read - written, now + KEPT)
                written = size - read
        found = Counted(tokens - read - written, read, written)
        self.counted.append(found)
        return found


def _tokens(block: Mapping[str, Any]) -> int:
    if "image" in block:
        return PICTURE
    text = block.get("text")
    return len(text if text is not None else json.dumps(block)) // 4

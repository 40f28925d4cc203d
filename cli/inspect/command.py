"""`parley inspect`: read the input, run the product's own code on it, print the result."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from typing import Any

from cli.inspect.reading import PIPE, Unusable, file_at, json_of, messages_in, text_of

UNUSABLE = 2


def inspect(options: argparse.Namespace) -> int:
    """Run the command. Returns its exit code."""
    try:
        text, data = asyncio.run(_made(options))
    except Unusable as exc:
        print(f"parley: {exc}", file=sys.stderr)
        return UNUSABLE
    shown = json.dumps(data, ensure_ascii=False, indent=2) if options.json else text
    if shown:
        _print(shown)
    return 0


async def _made(options: argparse.Namespace) -> tuple[str, Any]:
    """Return the result as text and as data. Raises Unusable."""
    match options.kind:
        case "file":
            return await _file(options)
        case "markdown":
            return await _markdown(options)
        case "slack" | "teams":
            return await (_thread if options.thread else _event)(options)
        case _:
            from cli.inspect import search  # noqa: PLC0415 - loads AWS's client library

            return await search.made(options)


async def _file(options: argparse.Namespace) -> tuple[str, Any]:
    from cli.inspect import file  # noqa: PLC0415 - the others need no picture library

    with file_at(options.path) as path:
        name = options.name or ("file" if options.path == PIPE else path.name)
        reading = await file.read(path, name)
    return file.as_text(reading), file.as_json(reading)


async def _markdown(options: argparse.Namespace) -> tuple[str, Any]:
    from cli.inspect import markdown  # noqa: PLC0415 - as above

    platform = options.platform
    if platform not in markdown.PLATFORMS:
        raise Unusable(f"--for is slack or teams, not {platform}.")
    hosts = frozenset(each.lower() for each in options.allow)
    sent = await markdown.messages(text_of(options.path), platform, hosts)
    return markdown.as_text(sent, platform), {"messages": sent}


async def _event(options: argparse.Namespace) -> tuple[str, Any]:
    from cli.inspect import slack, talk, teams  # noqa: PLC0415 - both load much

    given = json_of(options.path)
    if options.kind == "teams":
        item = teams.becomes(given, options.us)
        return talk.as_text(item), talk.as_json(item)
    item, status = slack.becomes(given, options.us)
    refused = f"\n\nSlack is answered {status}." if status >= 400 else ""
    return talk.as_text(item) + refused, {**talk.as_json(item), "answered": status}


async def _thread(options: argparse.Namespace) -> tuple[str, Any]:
    from cli.inspect import slack, talk, teams  # noqa: PLC0415 - as above

    wrapped = "value" if options.kind == "teams" else "messages"
    given = messages_in(json_of(options.path), wrapped, options.path)
    try:
        if options.kind == "teams":
            place, said = teams.PLACE, await teams.thread(given, options.us)
        else:
            place, said = slack.place_of(given), await slack.thread(given, options.us)
    except (AttributeError, LookupError, TypeError, ValueError) as exc:
        # what the platform itself returns has the shape that the product trusts
        sender = "Graph" if options.kind == "teams" else "Slack"
        raise Unusable(f"These are no messages as {sender} returns them.") from exc
    turns = talk.turns_in_prompt(place, said)
    return talk.turns_as_text(turns), talk.turns_as_json(turns)


def _print(text: str) -> None:
    """Print as UTF-8 whatever the terminal's encoding, even if a file had lone surrogates."""
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode("utf-8", "replace") + b"\n")
    sys.stdout.buffer.flush()

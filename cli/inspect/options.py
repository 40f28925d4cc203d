"""The options of `parley inspect`."""

from __future__ import annotations

import argparse
from typing import Any

ABOUT = """\
Shows what Parley makes of something, by the product's own code. `file`, `markdown`, `slack` and
`teams` need no settings and call nobody; `search` asks the index and the platform of a running
`parley run`, or those that the environment or .env names. PATH may be - for standard input.
Exit code 2 and one sentence say that something cannot be inspected.
"""
FILE = """\
Reads a file in the child process that reads shared files, and prints its blocks in order, tables
as Markdown. `PICTURE 640x480 brightness 118` stands for each picture that Claude is shown: its size
and mean brightness (0 to 255) as sent. `UNREADABLE reason` ends a file that is not read.
"""
MARKDOWN = """\
Takes a text as a model wrote it and prints what people are shown, in the platform's own markup:
its messages, a blank line apart. No sources were given, so links live only to hosts that --allow
names, and numbers in brackets refer to nothing.
"""
SLACK = """\
Takes JSON: an Events API envelope, an event alone, or the fields of a slash command or an
interaction. Prints the QUESTION, POST (a file that was only shared) or COMMAND that is queued, or
NOTHING. With --thread: a list of messages, or an answer of conversations.replies; prints them as
the prompt has them. Without a directory of people nobody is called by name: @someone.
"""
TEAMS = """\
Takes JSON: an activity as Teams sends it. Prints the QUESTION, POST or COMMAND that is queued, or
NOTHING. With --thread: a list of messages as Microsoft Graph returns it; prints them as the prompt
has them.
"""
SEARCH = """\
Asks the index as a question would, and prints the passages found, best first: their score, the
cosine and the share of BM25 that it is made of, and whether it passes the floor. Without --as it
looks in library/ alone; with it, where that person may see, asked of the platform, in a direct
chat with the bot; with --in as well, in that channel or chat.
"""


def add_to(commands: argparse._SubParsersAction[Any]) -> None:
    """`inspect` among the commands of `parley`."""
    inspect = commands.add_parser(
        "inspect",
        help="what Parley makes of a file, a text, an event or a question",
        description=ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    kinds = inspect.add_subparsers(dest="kind", required=True, metavar="WHAT")

    file = _one(kinds, "file", FILE, "what is read of a file")
    _path(file, "the file")
    file.add_argument("--name", default="", help="read it as if it were called so")

    markdown = _one(kinds, "markdown", MARKDOWN, "what people are shown of a model's text")
    _path(markdown, "the text, UTF-8")
    markdown.add_argument(
        "--for", dest="platform", required=True, metavar="PLATFORM", help="slack or teams"
    )
    markdown.add_argument(
        "--allow", action="append", default=[], metavar="HOST", help="links may lead there"
    )

    slack = _one(kinds, "slack", SLACK, "what an event, command or button of Slack becomes")
    _path(slack, "the JSON")
    _thread(slack)
    slack.add_argument("--us", default="", metavar="ID", help="the bot's user id (U…)")

    teams = _one(kinds, "teams", TEAMS, "what an activity of Teams becomes")
    _path(teams, "the JSON")
    _thread(teams)
    teams.add_argument("--us", default="", metavar="ID", help="the bot's app id")

    search = _one(kinds, "search", SEARCH, "what retrieval finds for a question")
    search.add_argument("question", metavar="QUESTION")
    search.add_argument(
        "--as", dest="person", default="", metavar="PLATFORM/TENANT/PERSON", help="who asks"
    )
    search.add_argument("--in", dest="channel", default="", metavar="CHANNEL", help="where, by id")
    search.add_argument("--state", default=".state", help="that of a running `parley run`")


def _one(
    kinds: argparse._SubParsersAction[Any], name: str, about: str, said: str
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = kinds.add_parser(
        name,
        help=said,
        description=about,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    return parser


def _path(parser: argparse.ArgumentParser, said: str) -> None:
    parser.add_argument("path", metavar="PATH", help=f"{said}, or - for standard input")


def _thread(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--thread", action="store_true", help="it is a list of messages")

"""The `parley` command: parse the command line, prepare the environment, run a command."""

from __future__ import annotations

import argparse
import asyncio
import errno
import logging
import os
import sys
import time
from collections.abc import MutableMapping
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import version
from io import TextIOWrapper
from pathlib import Path

from dotenv import dotenv_values

from cli.first_line import FirstLine
from cli.help_texts import FORGET, REDRIVE, REINDEX
from cli.inspect import options as inspecting
from core.runtime.settings import SettingsError, log_format, log_level
from core.runtime.telemetry import Metering, quiet, unmetered
from local.aws import LocalAwsError
from local.lock import InUse

HELD = 10.0
"""Seconds at most for which metrics wait for the line that says `ready`."""


def main() -> None:
    """Run the command line; exit with status 1 after printing what is wrong."""
    options = _parser().parse_args()
    _read_dotenv(os.environ)
    try:
        logging.basicConfig(
            level=log_level(os.environ),
            format="%(asctime)s %(levelname)s %(name)s: %(message)s",
            stream=sys.stderr,
        )
        quiet()
        match options.command:
            case "run":
                from cli.run import run  # noqa: PLC0415 - `init` needs none of it

                asyncio.run(run(options.port, Path(options.state), as_json=options.json))
            case "serve":
                asyncio.run(_serve(options.host, _metering(log_format(os.environ))))
            case "teams-package":
                _teams_package(options)
            case "init":
                _init(options.name)
            case command:
                sys.exit(OPERATING[command](options))
    except SettingsError as exc:
        sys.exit("\n".join(f"- {problem}" for problem in exc.problems))
    except OSError as exc:
        sys.exit(f"parley: {_trouble(exc, options.command)}")
    except (LocalAwsError, InUse) as exc:
        sys.exit(f"parley: {exc}")
    except (KeyboardInterrupt, asyncio.CancelledError):  # a second Ctrl-C cancels the ending
        sys.exit(130)
    except Exception as exc:
        from core.aws.access.error_messages import explained  # noqa: PLC0415 - loads boto3

        if not (sentence := explained(exc)):
            raise
        sys.exit(f"parley: {sentence}")


def _trouble(exc: OSError, command: str) -> str:
    """Return what the operating system refused, and what to do."""
    if exc.errno == errno.EADDRINUSE:
        choose = "--port" if command == "run" else "PORT"
        return f"the port is taken. End what uses it, or choose another with {choose}."
    if exc.filename:
        return f"{exc.filename} cannot be used: {exc.strerror}."
    return f"the system refused: {exc.strerror or exc}."


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError("a number from 0 (any free port) to 65535")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="parley", description="Claude in Slack and Microsoft Teams, on your AWS."
    )
    parser.add_argument("--version", action="version", version=f"parley {version('parley')}")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="everything on this machine, with a page to try it")
    run.add_argument("--port", type=_port, default=8400, help="of the page (0: any free one)")
    run.add_argument("--state", default=".state", help="where what was said is kept")
    run.add_argument("--json", action="store_true", help="print the endpoints as one line of JSON")
    serve = commands.add_parser("serve", help="the product alone, from the environment or .env")
    serve.add_argument("--host", default=os.environ.get("HOST", "127.0.0.1"))
    upload = commands.add_parser("upload", help="documents into the bucket, until searchable")
    upload.add_argument("paths", nargs="+", metavar="PATH", type=Path, help="files or folders")
    upload.add_argument(
        "--to", default="library", help="library (everyone's), or platform/tenant/channel"
    )
    status = commands.add_parser("status", help="queues, documents and failures")
    status.add_argument("--redrive", action="store_true", help="put dead letters back first")
    status.add_argument(
        "--watch", type=float, default=0.0, help="go on, and print rates, every so many seconds"
    )
    forget = commands.add_parser(
        "forget", help="a workspace, channel or person: everything", description=FORGET
    )
    forget.add_argument("place", metavar="PLACE", help="slack/T123 or slack/T123/C456; teams/…")
    forget.add_argument("--person", default="", metavar="ID", help="only this person's, by id")
    forget.add_argument("--name", default="", help="what older exchanges, without an id, call them")
    forget.add_argument("--yes", action="store_true", help="delete without a question")
    reindex = commands.add_parser(
        "reindex", help="a new embedding model or mapping, without a gap", description=REINDEX
    )
    reindex.add_argument("--keep", action="store_true", help="keep the old index, to go back to it")
    redrive = commands.add_parser(
        "redrive", help="dead letters back into their queue", description=REDRIVE
    )
    redrive.add_argument("queue", choices=("turns", "files"), help="whose dead letters")
    redrive.add_argument("--yes", action="store_true", help="move them without a question")
    doctor = commands.add_parser("doctor", help="what is missing or wrong, each with its fix")
    for each in (upload, status, forget, reindex, redrive, doctor):
        each.add_argument("--state", default=".state", help="that of a running `parley run`")
    inspecting.add_to(commands)
    package = commands.add_parser("teams-package", help="the app to upload to Microsoft Teams")
    package.add_argument("--to", default="parley-teams.zip", type=Path, help="the file to write")
    package.add_argument("--website", default="", help="where the publisher's links lead (https)")
    package.add_argument("--version", default="", help="three numbers (default: the time, in UTC)")
    init = commands.add_parser("init", help="create bucket, queues and table; safe to repeat")
    init.add_argument("--name", default="parley", help="what they are called")
    return parser


def _read_dotenv(environ: MutableMapping[str, str]) -> None:
    """Fill in from `.env` what the environment leaves unset."""
    for name, value in dotenv_values(".env").items():
        if value and name not in environ:
            environ[name] = value


async def _serve(host: str, metering: Metering) -> None:
    from bots.health import Health  # noqa: PLC0415 - heavy, and only here
    from bots.serve import serving, until_stopped_or_dead  # noqa: PLC0415
    from core.wiring import settings_of  # noqa: PLC0415

    settings = settings_of(os.environ)
    health = Health(time.monotonic)
    with FirstLine(sys.stdout) as line:
        async with serving(settings, host, settings.port, metering, health) as address:
            asyncio.get_running_loop().call_later(HELD, line.release)
            await until_stopped_or_dead(health, lambda: line.release(f"ready {address}"))
    if health.died:
        sys.exit(f"parley: {health.died} died, so the process ends; its log says why.")


def _metering(log: str) -> Metering:
    """Where counts go; if that is CloudWatch, log lines are written for it from now on as well."""
    if log != "json":
        return unmetered
    from core.aws.lambda_.telemetry import log_as_json, metered  # noqa: PLC0415 - heavy, and only here

    log_as_json("serve")
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # a pipe's buffer would hold metrics back
    return metered


def _upload(options: argparse.Namespace) -> int:
    from cli.commands import upload  # noqa: PLC0415 - heavy, and only here

    upload.reached(os.environ, Path(options.state))
    return 1 if upload.upload(options.paths, options.to, os.environ) else 0


def _status(options: argparse.Namespace) -> int:
    from cli.commands import upload  # noqa: PLC0415 - heavy, and only here

    upload.reached(os.environ, Path(options.state))
    upload.status(os.environ, back=options.redrive, watch=options.watch)
    return 0


def _forget(options: argparse.Namespace) -> int:
    from cli.commands.forget import forget, target_of  # noqa: PLC0415 - heavy, and only here
    from cli.commands.operator import ran, settings_for  # noqa: PLC0415

    target = target_of(options.place, options.person, options.name)
    settings = settings_for(os.environ, Path(options.state))
    return ran(forget(settings, target, yes=options.yes))


def _doctor(options: argparse.Namespace) -> int:
    from cli.commands import upload  # noqa: PLC0415 - heavy, and only here
    from cli.doctor.examine import report  # noqa: PLC0415

    if not os.environ.get("PARLEY_BUCKET"):
        with suppress(SettingsError):  # it will say what is missing itself
            upload.reached(os.environ, Path(options.state))
    return 1 if asyncio.run(report(os.environ)) else 0


def _reindex(options: argparse.Namespace) -> int:
    from cli.commands.operator import ran, settings_for  # noqa: PLC0415 - heavy, and only here
    from cli.commands.reindex import reindex  # noqa: PLC0415

    return ran(reindex(settings_for(os.environ, Path(options.state)), keep=options.keep))


def _redrive(options: argparse.Namespace) -> int:
    from cli.commands.operator import ran, settings_for  # noqa: PLC0415 - heavy, and only here
    from cli.commands.redrive import redrive  # noqa: PLC0415

    return ran(
        redrive(settings_for(os.environ, Path(options.state)), options.queue, yes=options.yes)
    )


def _inspect(options: argparse.Namespace) -> int:
    from cli.inspect.command import inspect  # noqa: PLC0415 - heavy, and only here

    return inspect(options)


OPERATING = {
    "inspect": _inspect,
    "upload": _upload,
    "status": _status,
    "forget": _forget,
    "reindex": _reindex,
    "redrive": _redrive,
    "doctor": _doctor,
}
"""What an operator calls, by name; each gives its exit code."""


def _teams_package(options: argparse.Namespace) -> None:
    from bots.teams.package import WEBSITE, package, version_of  # noqa: PLC0415 - only here

    app_id = os.environ.get("MICROSOFT_APP_ID", "")
    if not app_id:
        raise SettingsError(["MICROSOFT_APP_ID is not set: see docs/teams.md, step 1."])
    version = options.version or version_of(datetime.now(UTC))
    options.to.write_bytes(package(app_id, version, options.website or WEBSITE))
    print(f"{options.to} is version {version}. Upload it in the Teams admin centre: Manage apps.")
    if not options.website:
        print("Its publisher's links lead to example.com: give yours with --website.")


def _init(name: str) -> None:
    from core.aws.provision import ProvisionError, provision  # noqa: PLC0415 - heavy

    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if not region:
        raise SettingsError(["AWS_REGION is not set: name the region to create things in."])
    try:
        made = provision(
            region,
            bucket=os.environ.get("PARLEY_BUCKET") or name,
            table=os.environ.get("PARLEY_TABLE") or name,
            turns_queue=os.environ.get("PARLEY_TURNS_QUEUE_URL") or f"{name}-turns.fifo",
            files_queue=os.environ.get("PARLEY_FILES_QUEUE_URL") or f"{name}-files",
        )
    except ProvisionError as exc:
        raise SettingsError([str(exc)]) from exc
    print(f"PARLEY_BUCKET={made.bucket}")
    print(f"PARLEY_TABLE={made.table}")
    print(f"PARLEY_TURNS_QUEUE_URL={made.turns_queue}")
    print(f"PARLEY_FILES_QUEUE_URL={made.files_queue}")

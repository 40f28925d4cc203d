"""`parley upload` and `parley status`: upload many documents, and show how far everything is."""

from __future__ import annotations

import asyncio
import hashlib
import json
import mimetypes
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from cli.commands.place_names import problem_with
from core.aws.access.calls import Calls
from core.aws.access.clients import client
from core.aws.document_stores import editions_of
from core.aws.dynamodb.manifest import DynamoManifest
from core.aws.search.edition import IndexVersion
from core.aws.sqs.admin import dead_letters, depth, redrive
from core.ports.index import ForeignIndex, IndexRejected
from core.ports.store_error import StoreError
from core.runtime.settings import REQUIRED, SettingsError, load
from core.values.conversation import LIBRARY
from core.values.documents import Document, DocumentId, State, document_of, key_of
from core.wording import user_messages

ENDPOINTS = "endpoints.json"
"""Where `parley run` notes how to reach it, within its state."""
UPLOADS = 8
LOOK = 1.0
NAMED = 20
"""Failed documents of one reason that `status` names."""
QUEUES = (("turns", "PARLEY_TURNS_QUEUE_URL"), ("files", "PARLEY_FILES_QUEUE_URL"))
REACHED = (
    "AWS_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
    "OPENSEARCH_URL",
)
STAND_INS = {
    "SLACK_": "SLACK_API_URL",
    "MICROSOFT_": "TEAMS_LOGIN_URL",
    "TEAMS_": "TEAMS_LOGIN_URL",
    "GRAPH_": "GRAPH_URL",
}
"""What a platform's settings begin with, and the one that is over http where it is stood in for."""
HIDDEN = (".", "~$")


@dataclass(frozen=True, slots=True)
class Upload:
    """A file to upload, with its object key."""

    path: Path
    key: str


def reached(environ: MutableMapping[str, str], state: Path) -> None:
    """Fills in from a running `parley run` what the environment leaves open.

    Raises SettingsError where there is neither.
    """
    noted = state / ENDPOINTS
    if not environ.get("PARLEY_BUCKET") and noted.exists():
        environ.update(json.loads(noted.read_text()))
    missing = [name for name in (*REQUIRED, "AWS_REGION") if not environ.get(name)]
    if missing:
        raise SettingsError(
            [f"{name} is not set: start `parley run`, or name yours in .env." for name in missing]
        )


def note(environ: MutableMapping[str, str], state: Path) -> Path:
    """Notes how to reach this run, for `reached`."""
    names = [*REQUIRED, *REACHED]
    if environ.get("AWS_ENDPOINT_URL"):  # a stand-in's: nobody's secrets
        names += ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]
    for platform, address in STAND_INS.items():
        if environ.get(address, "").startswith("http://"):  # likewise
            names += [name for name in environ if name.startswith(platform)]
    path = state / ENDPOINTS
    path.touch(0o600)
    path.write_text(json.dumps({name: environ[name] for name in names if environ.get(name)}))
    return path


def upload(paths: Sequence[Path], to: str, environ: MutableMapping[str, str]) -> int:
    """Uploads and waits until all can be searched; how many cannot. Raises SettingsError."""
    if to != LIBRARY.prefix and (to.count("/") != 2 or not all(to.split("/"))):
        raise SettingsError(["--to is `library`, or a place: platform/tenant/channel."])
    if to != LIBRARY.prefix and (problem := problem_with(to, environ)):
        raise SettingsError([problem])
    absent = [str(path) for path in paths if not path.exists()]
    if absent:
        raise SettingsError([f"{each} is not there." for each in absent])
    uploads = [Upload(file, key) for path in paths for file, key in _keys(path, to)]
    if not uploads:
        raise SettingsError(["There are no files in it."])
    began = time.time()
    _store(uploads, environ)
    sources = {found[0]: each.path for each in uploads if (found := document_of(each.key))}
    return asyncio.run(_follow(sources, environ, began))


def _keys(path: Path, to: str) -> Iterator[tuple[Path, str]]:
    """The files under a path, with their object keys."""
    files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
    for each in files:
        relative = each.relative_to(path.parent).as_posix()
        if any(part.startswith(HIDDEN) for part in Path(relative).parts):
            continue
        if to == LIBRARY.prefix:
            yield each, f"{to}/{relative}"
        else:
            # the same path again is a new version of the same document
            digest = hashlib.sha256(relative.encode()).hexdigest()[:16]
            yield each, key_of(to, f"up-{digest}", each.name)


def _store(uploads: Sequence[Upload], environ: MutableMapping[str, str]) -> None:
    s3 = client("s3", environ["AWS_REGION"])

    def one(each: Upload) -> None:
        kind = mimetypes.guess_type(each.path.name)[0] or "application/octet-stream"
        s3.upload_file(
            str(each.path), environ["PARLEY_BUCKET"], each.key, ExtraArgs={"ContentType": kind}
        )

    with ThreadPoolExecutor(UPLOADS) as threads:
        running = [threads.submit(one, each) for each in uploads]
        for done, future in enumerate(as_completed(running), 1):
            future.result()
            _say(f"uploaded {done} of {len(uploads)}", last=done == len(uploads))
    s3.close()


async def _follow(
    paths: Mapping[DocumentId, Path], environ: MutableMapping[str, str], began: float
) -> int:
    """Waits for documents, by the file that each came from; how many cannot be searched."""
    failed: dict[DocumentId, Document] = {}
    async with _manifest(environ) as manifest:
        waiting, ready = [*paths], 0
        while waiting:
            found = await manifest.get(waiting[:2_000])
            still = []
            for each in waiting:
                known = found.get(each)
                if known is None or known.updated < began or not _ended(known):
                    still.append(each)
                elif known.state is State.READY:
                    ready += 1
                else:
                    failed[each] = known
            waiting = still
            rate = ready / max(time.time() - began, 1)
            _say(
                f"searchable {ready} of {len(paths)}, {len(failed)} failed, {rate:.1f} a second",
                last=not waiting,
            )
            if waiting:
                await asyncio.sleep(LOOK)
    for each, unread in failed.items():
        print(f"{paths[each]}: not read, {user_messages.why_not(unread.reason)}", file=sys.stderr)
    seconds = time.time() - began
    print(f"{ready} of {len(paths)} files can be searched, after {seconds:.0f} s.", flush=True)
    return len(failed)


def _ended(document: Document) -> bool:
    return document.state in (State.READY, State.FAILED, State.DELETED)


@asynccontextmanager
async def _manifest(environ: MutableMapping[str, str]) -> AsyncIterator[DynamoManifest]:
    calls = Calls()
    dynamodb = client("dynamodb", environ["AWS_REGION"])
    try:
        yield DynamoManifest(dynamodb, environ["PARLEY_TABLE"], calls, clock=time.time)
    finally:
        calls.close()
        dynamodb.close()


def status(environ: MutableMapping[str, str], *, back: bool, watch: float = 0.0) -> None:
    """Prints queue depths, documents by state, failures by reason; `back` redrives dead letters."""
    sqs = client("sqs", environ["AWS_REGION"])
    for name, variable in QUEUES:
        url = environ[variable]
        dead = dead_letters(sqs, url)
        if back and dead:
            print(f"{name}: {redrive(sqs, dead, url)} dead letters put back")
        now = depth(sqs, url)
        lost = depth(sqs, dead).waiting if dead else 0
        print(
            f"{name}: {now.waiting} waiting, {now.in_flight} in flight, {now.delayed} delayed, "
            f"{lost} dead letters"
        )
    before = _counted(environ)
    _print_documents(before)
    print(f"index: {asyncio.run(_searched(environ))}")
    for reason, names in sorted(before.failed.items(), key=lambda each: -len(each[1])):
        print(f"  failed, {len(names)}: {user_messages.why_not(reason)}")
        for name in sorted(names)[:NAMED]:
            print(f"    {name}")
        if len(names) > NAMED:
            print(f"    and {len(names) - NAMED} more")
    sqs.close()
    while watch:
        time.sleep(watch)
        after = _counted(environ)
        ready = (after.states["ready"] - before.states["ready"]) / watch
        passages = (after.passages - before.passages) / watch
        _print_documents(after, f"; {ready:.1f} documents and {passages:.1f} passages a second")
        before = after


def _print_documents(counted: Counted, more: str = "") -> None:
    states = sorted(counted.states.items())
    told = ", ".join(f"{count} {state}" for state, count in states) or "none yet"
    print(f"documents: {told}; {counted.passages} passages{more}", flush=True)


async def _searched(environ: MutableMapping[str, str]) -> str:
    """The version of the index that is searched, its model and size, and what else there is."""
    settings = load(environ, talks=False)
    if not settings.opensearch_url:
        return "OPENSEARCH_URL is not set, so no files are read"
    editions = editions_of(settings)
    try:
        found = await editions.all(anew=True)
        told = [
            f"{each.name}, {await each.index.known()} passages, {each.model}, {_use(each)}"
            for each in sorted(found, key=lambda each: not each.live)
        ]
    except ForeignIndex as exc:
        return str(exc)
    except (StoreError, IndexRejected) as exc:
        return f"no answer ({exc})"
    finally:
        await editions.close()
    return "; ".join(told) or "nothing was indexed yet"


def _use(edition: IndexVersion) -> str:
    if edition.live:
        return "searched"
    return "being filled" if edition.filling else "kept, not searched"


@dataclass(frozen=True, slots=True)
class Counted:
    """What the manifest holds: documents by state, failed ones' names by reason, passages."""

    states: Counter[str]
    failed: Mapping[str, Sequence[str]]
    passages: int


def _counted(environ: MutableMapping[str, str]) -> Counted:
    dynamodb = client("dynamodb", environ["AWS_REGION"])
    states, failed, passages = Counter[str](), dict[str, list[str]](), 0
    pages = dynamodb.get_paginator("scan").paginate(
        TableName=environ["PARLEY_TABLE"],
        FilterExpression="begins_with(pk, :files)",
        ExpressionAttributeValues={":files": {"S": "files#"}},
    )
    for page in pages:
        for item in page["Items"]:
            state = item["state"]["S"]
            states[state] += 1
            if state == State.FAILED:
                reason = item.get("reason", {}).get("S", "")
                failed.setdefault(reason, []).append(_where(item))
            passages += int(float(item.get("chunks", {}).get("N", "0")))
    dynamodb.close()
    return Counted(states, failed, passages)


def _where(item: Mapping[str, Mapping[str, str]]) -> str:
    """A document's place and name, as an operator finds it: nothing in it controls a terminal."""
    place = item["pk"]["S"].removeprefix("files#")
    name = item.get("name", {}).get("S", "") or item["sk"]["S"]
    return "".join(each if each.isprintable() else "?" for each in f"{place}/{name}")


def _say(text: str, *, last: bool) -> None:
    """Progress in one line on a terminal; only its end elsewhere."""
    if sys.stdout.isatty():
        print(f"\r\x1b[K{text}", end="\n" if last else "", flush=True)
    elif last:
        print(text, flush=True)

"""A real OpenSearch node with k-NN on this machine, in a process of its own.

The JVM is started without OpenSearch's scripts, with few modules and a small heap, and is up in
about eight seconds. OpenSearch refuses to run as root, so root runs it as `nobody`; if `nobody`
cannot enter `state`, its data lives in the cache directory instead.
"""

from __future__ import annotations

import hashlib
import json
import os
import pwd
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from local.opensearch.files import OpenSearchError, cache, home, java, open_to_all

__all__ = ["LocalOpenSearch", "OpenSearchError"]

HOST = "127.0.0.1"
START = 120.0
STOP = 20.0
HEAP = "512m"
USER = "nobody"
LOG_END = 800
SUPERVISOR = """
import subprocess, sys
who = int(sys.argv[1])
whom = {} if who < 0 else {"user": who, "group": int(sys.argv[2]), "extra_groups": []}
child = subprocess.Popen(sys.argv[3:], stdin=subprocess.DEVNULL, **whom)
try:
    sys.stdin.buffer.read()
finally:
    child.terminate()
    try:
        child.wait(15)
    except subprocess.TimeoutExpired:
        child.kill()
"""
"""Stops the JVM when standard input closes, that is, when the process that started it ends."""


class LocalOpenSearch:
    """An OpenSearch node. Its data lives in `state` and survives a restart."""

    def __init__(self, state: Path, port: int) -> None:
        self._state = state
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The node's base URL."""
        return f"http://{HOST}:{self._port}"

    @property
    def log(self) -> Path:
        """The file with the node's output."""
        return self._state / "opensearch.log"

    def start(self) -> None:
        """Download what is missing, start the node and wait until it responds. Raises
        OpenSearchError."""
        root, runtime = home(), java()
        self._state.mkdir(parents=True, exist_ok=True)
        data, owner = self._data()
        config = data / "config"
        config.mkdir(parents=True, exist_ok=True)
        (config / "opensearch.yml").write_text(self._settings(data))
        (config / "log4j2.properties").write_text(_LOGGING)
        for each in ("data", "logs", "tmp"):
            (data / each).mkdir(exist_ok=True)
        if owner is not None:
            for path in (data, *data.rglob("*")):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        whom = ("-1", "-1") if owner is None else (str(owner.pw_uid), str(owner.pw_gid))
        command = [sys.executable, "-I", "-c", SUPERVISOR, *whom, *_command(runtime, root, data)]
        with self.log.open("wb") as log:
            process = self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=data,
                env={"PATH": os.environ.get("PATH", ""), "OPENSEARCH_JAVA_HOME": str(runtime)},
                start_new_session=True,
            )
        end = time.monotonic() + START
        while not self.ready():
            if process.poll() is not None or time.monotonic() > end:
                self.kill()
                said = self.log.read_text(errors="replace")[-LOG_END:].strip()
                raise OpenSearchError(f"OpenSearch did not start. {self.log} ends with:\n{said}")
            time.sleep(0.2)

    def ready(self) -> bool:
        """Whether it can answer searches."""
        try:
            with _direct.open(f"{self.url}/_cluster/health?timeout=1s", timeout=3) as answer:
                return json.load(answer)["status"] in ("yellow", "green")
        except (OSError, ValueError, KeyError):
            return False

    def stop(self) -> None:
        """Stop the node gracefully."""
        if self._process is not None and self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP)
        self.kill()

    def kill(self) -> None:
        """Kill the node with its supervisor."""
        if self._process is None:
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _data(self) -> tuple[Path, pwd.struct_passwd | None]:
        """Return its data directory, and the user to run it as (None for the current one)."""
        if os.geteuid() != 0:
            return self._state, None
        try:
            user = pwd.getpwnam(USER)
        except KeyError as exc:
            raise OpenSearchError(
                f"OpenSearch does not run as root, and there is no user {USER} to run it as. Run "
                "parley as another user, or set OPENSEARCH_URL to a cluster that you have."
            ) from exc
        if open_to_all(self._state):
            return self._state, user
        digest = hashlib.sha256(str(self._state.resolve()).encode()).hexdigest()[:16]
        return cache() / "data" / digest, user

    def _settings(self, data: Path) -> str:
        lines = {
            "cluster.name": "parley",
            "node.name": "parley",
            "path.data": str(data / "data"),
            "path.logs": str(data / "logs"),
            "network.host": HOST,
            "http.port": str(self._port),
            "transport.port": "0",
            "discovery.type": "single-node",
            "cluster.routing.allocation.disk.threshold_enabled": "false",
            "bootstrap.memory_lock": "false",
        }
        return "".join(f"{name}: {json.dumps(value)}\n" for name, value in lines.items())


def _command(runtime: Path, root: Path, data: Path) -> list[str]:
    properties = {
        "opensearch.path.home": root,
        "opensearch.path.conf": data / "config",
        "opensearch.distribution.type": "zip",
        "opensearch.bundled_jdk": "false",
        "java.io.tmpdir": data / "tmp",
        "java.locale.providers": "CLDR,SPI",
        "java.awt.headless": "true",
        "file.encoding": "UTF-8",
        "jna.nosys": "true",
        "jna.tmpdir": data / "tmp",
        "io.netty.noUnsafe": "true",
        "io.netty.noKeySetOptimization": "true",
        "io.netty.recycler.maxCapacityPerThread": "0",
        "io.netty.allocator.numDirectArenas": "0",
        "log4j.shutdownHookEnabled": "false",
        "log4j2.disable.jmx": "true",
        "org.apache.lucene.store.MMapDirectory.sharedArenaMaxPermits": "1",
    }
    return [
        str(runtime / "bin" / "java"),
        "-Xms128m",
        f"-Xmx{HEAP}",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-XX:-OmitStackTraceInFastThrow",
        "-Xshare:auto",
        f"-javaagent:{root / 'agent' / 'opensearch-agent.jar'}",
        "--add-opens=java.base/java.nio=ALL-UNNAMED",
        *(f"-D{name}={value}" for name, value in properties.items()),
        "-cp",
        f"{root / 'lib'}/*",
        "org.opensearch.bootstrap.OpenSearch",
    ]


_LOGGING = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%-5p][%c{1.}] %m%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
"""
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))

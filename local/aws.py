"""AWS on this machine: SQS, DynamoDB and S3, served by a ministack process.

ministack pins its dependencies, so it has a virtual environment of its own: `.venv-aws`, made by
`make setup` from `requirements/aws.txt` (hashed).
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / ".venv-aws" / "bin" / "python"
START = 30.0
"""Seconds that ministack may take to start; on an idle machine it takes a fraction of one."""
STOP = 10.0
LOG_END = 600
HOST = "127.0.0.1"
PORTS = range(10_000, 32_000)
"""Below the ports of outgoing connections, which begin at 32,768 on Linux and 49,152 elsewhere."""


class LocalAwsError(Exception):
    """ministack cannot be started; the message says why and what to do."""


class LocalAws:
    """A ministack process. Its data lives in `state` and survives a restart.

    `more` is added to its environment, and so to that of the functions it runs.
    """

    def __init__(
        self,
        state: Path,
        port: int,
        *,
        region: str = "us-east-1",
        more: Mapping[str, str] | None = None,
    ) -> None:
        self._state = state
        self._region = region
        self._more = dict(more or {})
        self._process: subprocess.Popen[bytes] | None = None
        self.port = port
        self.url = f"http://{HOST}:{port}"
        self.env: Mapping[str, str] = {
            "AWS_ENDPOINT_URL": self.url,
            # any value works, except one that looks real: ministack then rejects presigned URLs
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
        }
        """Environment variables that direct botocore to this ministack."""

    @property
    def log(self) -> Path:
        """The file with ministack's output."""
        return self._state / "ministack.log"

    @property
    def pid(self) -> int | None:
        """The process id, None unless it runs."""
        running = self._process is not None and self._process.poll() is None
        return self._process.pid if self._process is not None and running else None

    def start(self) -> None:
        """Start the process and wait until it responds. Raises LocalAwsError."""
        if not PYTHON.exists():
            raise LocalAwsError(f"ministack is not installed in {PYTHON.parents[1]}: `make setup`.")
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, self.port))
            except OSError as exc:
                raise LocalAwsError(
                    f"Port {self.port} is taken. End what uses it, or choose another port."
                ) from exc
        for each in ("state", "objects", "tmp"):
            (self._state / each).mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [str(PYTHON), "-P", str(Path(__file__).with_name("ministack_server.py"))],
                # ministack exits when this pipe closes, that is, when this process ends
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment(),
                cwd=self._state,
                start_new_session=True,
            )
        end = time.monotonic() + START
        while not self.ready():
            if self._process.poll() is not None or time.monotonic() > end:
                self.kill()
                said = self.log.read_text(errors="replace")[-LOG_END:].strip()
                raise LocalAwsError(f"ministack did not start. {self.log} ends with:\n{said}")
            time.sleep(0.05)

    def ready(self) -> bool:
        """Whether it responds."""
        try:
            with _direct.open(f"{self.url}/_ministack/health", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def save(self) -> None:
        """Save all state now instead of shortly after each change."""
        with _direct.open(f"{self.url}/_parley/save", timeout=30):
            pass

    def stop(self) -> None:
        """Stop the process gracefully; it saves its state first."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP)
        self.kill()

    def kill(self) -> None:
        """Kill the process."""
        if self._process is not None:
            self._process.kill()
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

    def _environment(self) -> dict[str, str]:
        ours = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return ours | {
            "GATEWAY_PORT": str(self.port),
            "BIND_HOST": HOST,  # the default is all interfaces
            "MINISTACK_REGION": self._region,
            "PERSIST_STATE": "1",
            "STATE_DIR": str(self._state / "state"),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(self._state / "objects"),
            "SFTP_ENABLED": "0",
            "IOT_MTLS_ENABLED": "0",
            "LOG_LEVEL": "WARNING",
            "TMPDIR": str(self._state / "tmp"),
            "PYTHONDONTWRITEBYTECODE": "1",
            **self._more,
        }


_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Opens URLs without a proxy, whatever the environment says."""


def free_port() -> int:
    """Return a free port, below the range from which outgoing connections take theirs."""
    while True:
        port = PORTS.start + secrets.randbelow(len(PORTS))
        with socket.socket() as probe, suppress(OSError):
            probe.bind((HOST, port))
            return port

"""S3, SQS and DynamoDB on this machine: ministack, in a process of its own."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

SERVER = Path(__file__).with_name("aws_server.py")
READY_WITHIN = 60.0
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
}


class LocalAwsError(Exception):
    """ministack cannot run; the message says what to do."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def interpreter() -> Path:
    """The Python that has ministack: `.venv-aws` beside the environment we run in."""
    chosen = os.environ.get("PARLEY_AWS_PYTHON")
    return Path(chosen) if chosen else Path(sys.prefix).parent / ".venv-aws" / "bin" / "python"


class LocalAws:
    """`start` it, use `endpoint`, `stop` it. With `state` it remembers, even when killed."""

    def __init__(self, state: Path | None = None, port: int = 0) -> None:
        self._state = state
        self.port = port or free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Returns once it answers. Raises LocalAwsError."""
        python = interpreter()
        if not python.exists():
            raise LocalAwsError("The local AWS is not installed: run `make setup`.")
        log = subprocess.DEVNULL
        if self._state is not None:
            self._state.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(
            [str(python), str(SERVER), "127.0.0.1", str(self.port)],
            env=self._environment(),
            stdout=log,
            stderr=log if not os.environ.get("PARLEY_AWS_DEBUG") else None,
            cwd=self._state or "/",
        )

    async def ready(self) -> None:
        """Waits until it answers. Raises LocalAwsError."""
        async with asyncio.timeout(READY_WITHIN):
            while not await asyncio.to_thread(self._answers):
                if self._process is None or self._process.poll() is not None:
                    raise LocalAwsError("The local AWS ended at once: is its port in use?")
                await asyncio.sleep(0.05)

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def kill(self) -> None:
        """Ends it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.endpoint}/_ministack/health", timeout=2):  # noqa: S310
                return True
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False

    def _environment(self) -> dict[str, str]:
        # not the caller's endpoints, nor its credentials
        kept = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        kept |= CREDENTIALS | {
            "GATEWAY_PORT": str(self.port),
            "BIND_HOST": "127.0.0.1",
            "SFTP_ENABLED": "0",
            "IOT_MTLS_ENABLED": "0",
            "LOG_LEVEL": "WARNING",
        }
        if self._state is not None:
            kept |= {
                "PERSIST_STATE": "1",
                "STATE_DIR": str(self._state),
                "S3_PERSIST": "1",
                "S3_DATA_DIR": str(self._state / "s3"),
            }
        return kept

"""Stand-ins by other people, installed beside the tree: never in it, and never redistributed.

`python -m tests.independent.parts` installs what this machine can run, and says what it can't. They
are kept in `~/.cache/parley/independent` (`PARLEY_TEST_INDEPENDENT` names another folder).
"""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

MINUTEHAND = "0.3.9"
PLAYGROUND = "0.2.28"
LOCAL_SLACK = "0.1.8"
PYTHONS = ("3.13", "3.12", "3.14")
"""Versions that minutehand runs on, the best known first."""
PATIENCE = 600


class Missing(Exception):
    """Something cannot be had on this machine: one plain sentence."""


def folder():
    kept = os.environ.get("PARLEY_TEST_INDEPENDENT")
    return Path(kept) if kept else Path.home() / ".cache" / "parley" / "independent"


def minutehand():
    """The Python that has minutehand. Raises Missing."""
    python = folder() / f"minutehand-{MINUTEHAND}" / "bin" / "python"
    if not (python.parent / "minutehand").exists():
        raise Missing(_not_installed("minutehand"))
    return python


def playground():
    """The program of Microsoft 365 Agents Playground. Raises Missing."""
    home = folder() / f"playground-{PLAYGROUND}"
    program = home / "node_modules" / ".bin" / "agentsplayground"
    if not program.exists():
        raise Missing(_not_installed("Microsoft 365 Agents Playground"))
    return program


def local_slack():
    """The program local-slack. Raises Missing."""
    program = _local_slack()
    if not program.exists():
        raise Missing(_not_installed("local-slack"))
    return program


def _local_slack():
    home = folder() / f"local-slack-{LOCAL_SLACK}" / "node_modules" / "local-slack-linux-x64"
    return home / "bin" / "local-slack"


def install_local_slack():
    """Raises Missing."""
    if _local_slack().exists():
        return
    npm = shutil.which("npm")
    if not npm:
        raise Missing("npm is not on the PATH")
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise Missing("it is for Linux on x86-64 only")
    home = folder() / f"local-slack-{LOCAL_SLACK}"
    home.mkdir(parents=True, exist_ok=True)
    package = f"local-slack-linux-x64@{LOCAL_SLACK}"
    _run(npm, "install", "--no-audit", "--no-fund", "--prefix", home, package)


def install_minutehand():
    """Raises Missing."""
    home = folder() / f"minutehand-{MINUTEHAND}"
    if (home / "bin" / "minutehand").exists():
        return
    python = _newer_python()
    _run(python, "-m", "venv", home)
    _run(home / "bin" / "python", "-m", "pip", "install", "-q", f"minutehand=={MINUTEHAND}")


def install_playground():
    """For a look at it: its licence allows evaluation. Raises Missing."""
    home = folder() / f"playground-{PLAYGROUND}"
    npm = shutil.which("npm")
    if not npm:
        raise Missing("npm is not on the PATH")
    home.mkdir(parents=True, exist_ok=True)
    package = f"@microsoft/m365agentsplayground@{PLAYGROUND}"
    _run(npm, "install", "--no-audit", "--no-fund", "--prefix", home, package)


def _newer_python():
    """A Python of a version that minutehand runs on. Raises Missing."""
    for version in PYTHONS:
        found = [shutil.which(f"python{version}"), *_of_pyenv(version)]
        for each in filter(None, found):
            asked = [each, "-c", "import sys, venv; print(sys.executable)"]
            done = subprocess.run(asked, capture_output=True, text=True, check=False)
            if done.returncode == 0:
                return done.stdout.strip()
    raise Missing("there is no Python 3.12 or newer here")


def _of_pyenv(version):
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    return sorted(versions.glob(f"{version}.*/bin/python{version}"), reverse=True)


def _run(*command):
    try:
        subprocess.run([*map(str, command)], check=True, capture_output=True, timeout=PATIENCE)
    except (OSError, subprocess.SubprocessError) as exc:
        said = (getattr(exc, "stderr", None) or b"").decode(errors="replace").strip()
        last = said.splitlines()[-1] if said else str(exc)
        raise Missing(f"{Path(str(command[0])).name} failed: {last}") from exc


def _not_installed(name):
    return f"{name} is not installed: python -m tests.independent.parts says why"


def main():
    """Installs what is used by tests; what cannot be installed is said, and its tests skip."""
    for name, install in (("minutehand", install_minutehand), ("local-slack", install_local_slack)):
        try:
            install()
        except Missing as exc:
            sys.stdout.write(f"{name} is not installed, so its tests are skipped: {exc}.\n")


if __name__ == "__main__":
    main()

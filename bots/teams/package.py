"""Build the app package that an administrator uploads to Teams: manifest and icons, zipped.

https://learn.microsoft.com/microsoftteams/platform/concepts/build-and-test/apps-package
"""

from __future__ import annotations

import json
import re
import zipfile
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from core.runtime.settings import SettingsError

HERE = Path(__file__).parent / "manifest"
ICONS = ("color.png", "outline.png")
GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.I)
VERSION = re.compile(r"(?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*)){2}")
WEBSITE = "https://www.example.com"
"""The default target of the publisher's links."""


def version_of(now: datetime) -> str:
    """Return an increasing version: Teams accepts an update only with a higher one."""
    return f"1.{now:%y%m%d}.{int(f'{now:%H%M}')}"


def manifest(app_id: str, version: str, website: str = WEBSITE) -> dict[str, Any]:
    """Return the manifest of one bot. Raises SettingsError that says what is wrong with the
    values."""
    problems = []
    if not GUID.fullmatch(app_id):
        problems.append(
            "MICROSOFT_APP_ID is not an application id: copy “Application (client) ID” from the "
            "app registration, like 76096e45-119f-4736-859c-6dfff54395f7."
        )
    if not VERSION.fullmatch(version):
        problems.append("The version must be three numbers, like 1.2.3.")
    if not website.startswith("https://") or re.search(r"[\s\"<>]", website):
        problems.append("The website must be an https address.")
    if problems:
        raise SettingsError(problems)
    values = {"{app_id}": app_id.lower(), "{version}": version, "{website}": website}

    def filled(value: object) -> object:
        if isinstance(value, dict):
            return {name: filled(each) for name, each in value.items()}
        if isinstance(value, list):
            return [filled(each) for each in value]
        if isinstance(value, str):
            for name, known in values.items():
                value = value.replace(name, known)
        return value

    template = json.loads((HERE / "manifest.json").read_text(encoding="utf-8"))
    return {name: filled(each) for name, each in template.items()}


def package(app_id: str, version: str, website: str = WEBSITE) -> bytes:
    """Return the zip; the same values give the same bytes."""
    text = json.dumps(manifest(app_id, version, website), indent=2, ensure_ascii=False)
    files = {"manifest.json": text.encode()} | {n: (HERE / n).read_bytes() for n in ICONS}
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()

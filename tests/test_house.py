"""What the repository promises about itself."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
REQUIREMENTS = sorted((ROOT / "requirements").glob("*.txt"))


@pytest.mark.parametrize("path", REQUIREMENTS, ids=lambda p: p.name)
def test_every_requirement_is_pinned_and_hashed_and_names_no_registry(path):
    text = path.read_text()
    assert "://" not in re.sub(r"(?m)^\s*#.*$", "", text)
    pinned = [line for line in text.splitlines() if re.match(r"[A-Za-z0-9]", line)]
    assert pinned
    for line in pinned:
        assert re.match(r"[A-Za-z0-9._\-\[\]]+==[^ ]+ .*\\$", line), line
    assert text.count("--hash=sha256:") >= len(pinned)


def test_the_readmes_commands_are_the_makefiles():
    makefile = (ROOT / "Makefile").read_text()
    for command in re.findall(r"(?m)^make (\w+)", (ROOT / "README.md").read_text()):
        assert re.search(rf"(?m)^{command}:", makefile)


def test_every_setting_of_the_example_is_one_we_read():
    names = set(re.findall(r"(?m)^#?([A-Z_]+)=", (ROOT / ".env.example").read_text()))
    code = "".join(p.read_text() for p in (ROOT / "core").rglob("*.py"))
    code += (ROOT / "cli" / "run.py").read_text()
    botocores = {"AWS_SECRET_ACCESS_KEY"}
    assert {name for name in names - botocores if name not in code} == set()


def test_the_readme_shows_a_picture_that_exists():
    for path in re.findall(r"!\[.*?\]\((.*?)\)", (ROOT / "README.md").read_text()):
        assert (ROOT / path).stat().st_size > 10_000

"""What the repository promises about itself."""

import ast
import gc
import io
import re
import tokenize
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("core", "bots", "ingestion", "cli", "local")
SOURCES = [path for top in PACKAGES for path in sorted((ROOT / top).rglob("*.py"))]
DOTTED = re.compile(rf"(?:{'|'.join(PACKAGES)})(?:\.\w+)+")
MEMBER = re.compile(r"[A-Z]\w*\.[a-z]\w*")
FILE = re.compile(r"[\w./-]+\.(?:py|md|ya?ml|toml|txt|json|html|js|css|png)")
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


def parsed(source):
    """Without garbage collection: a finalizer in between confuses Python 3.11's ast module."""
    gc.disable()
    try:
        return ast.parse(source)
    finally:
        gc.enable()


def names(body):
    """The names that statements define, by what defines them; those under `if` and `try` too."""
    found = {}
    for node in body:
        match node:
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                found[node.name] = node
            case ast.Assign(targets=targets):
                found |= {e.id: node for t in targets for e in ast.walk(t) if hasattr(e, "id")}
            case ast.AnnAssign(target=ast.Name(id=name)):
                found[name] = node
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                found |= {(each.asname or each.name).partition(".")[0]: node for each in aliases}
            case ast.If() | ast.Try():
                found |= names(ast.iter_child_nodes(node))
    return found


def members(node):
    """The names of a class's own attributes, those that its methods set included."""
    own = {each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute)}
    return own | {*names(node.body)}


class References:
    """What the references in docstrings and comments may name."""

    def __init__(self):
        self.modules = {}
        self.members = defaultdict(set)
        bases = defaultdict(set)
        for path in SOURCES:
            parts = path.relative_to(ROOT).with_suffix("").parts
            tree = parsed(path.read_text())
            self.modules[".".join(p for p in parts if p != "__init__")] = names(tree.body)
            for node in ast.walk(tree):
                if isinstance(node, ast.ClassDef):
                    self.members[node.name] |= members(node)
                    bases[node.name] |= {getattr(b, "id", "") for b in node.bases}
        for _ in range(3):  # deeper than any of our hierarchies
            for name, above in bases.items():
                self.members[name].update(*(self.members.get(each, ()) for each in above))

    def resolve(self, reference):
        """Whether a reference names something that exists, or something that is not ours."""
        parts = reference.split(".")
        if MEMBER.fullmatch(reference):
            return parts[0] not in self.members or parts[1] in self.members[parts[0]]
        module = next(
            (n for n in range(len(parts), 0, -1) if ".".join(parts[:n]) in self.modules), 0
        )
        if module < 1 or module == len(parts):
            return module == len(parts)
        first, *rest = parts[module:]
        known = self.modules[".".join(parts[:module])]
        return first in known and (not rest or rest[0] in self.members.get(first, rest))


@pytest.fixture(scope="module")
def references():
    return References()


def prose(source):
    """The docstrings, attribute docstrings and comments of a module."""
    for node in ast.walk(parsed(source)):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield text
    if not re.search("#.*`", source):
        return  # tokenizing takes a while
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.string


def exists(path, beside):
    """Whether a file is there: from the root, beside the module that names it, or above that."""
    return any((folder / path).exists() for folder in (ROOT, *beside.parents[:3]))


def dangling(source, path, references):
    """The references in back-ticks that name nothing."""
    for text in prose(source):
        for each in re.findall(r"`([^`\n]+)`", text):
            named = each.removesuffix("()")
            if FILE.fullmatch(named):
                if not exists(named, path):
                    yield each
            elif (DOTTED.fullmatch(named) or MEMBER.fullmatch(named)) and not references.resolve(
                named
            ):
                yield each


def test_what_docstrings_and_comments_refer_to_exists(references):
    found = [
        f"{path.relative_to(ROOT)}: `{each}`"
        for path in SOURCES
        for each in dangling(path.read_text(), path, references)
    ]
    assert found == []


@pytest.mark.parametrize(
    "reference",
    [
        "core.nothing",
        "core.ports.chat.Nothing",
        "core.ports.chat.Chat.nothing",
        "core.ports.Chat",
        "Chat.nothing",
        "Chat.nothing()",
        "core/nothing.py",
        "nothing.py",
    ],
)
def test_a_reference_to_nothing_is_found(reference, references):
    for source in (f'"""See `{reference}`."""', f"x = 1  # as `{reference}`"):
        assert [*dangling(source, SOURCES[0], references)] == [reference]


@pytest.mark.parametrize(
    "reference",
    [
        "core.ports",
        "core.ports.chat",
        "core.ports.chat.Chat",
        "core.ports.chat.Chat.post",
        "core.ports.chat.Uneditable.needs",
        "Uneditable.needs",
        "Config.of_a_vendor",
        "Files.Read.All",
        "core/ports/chat.py",
        "template.yaml",
    ],
)
def test_a_reference_to_something_is_none(reference, references):
    assert [*dangling(f'"""See `{reference}`."""', SOURCES[0], references)] == []

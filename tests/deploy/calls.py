"""Which calls to AWS a Lambda function's code can come to, read from the code itself.

From the handler on, what a reachable body mentions is reachable: a function by its name, a method
by an attribute of its name where its class is mentioned as well; private ones from their own
module. That is more than runs, and never less: no code here looks things up by a computed name.
"""

import ast
import gc
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
TOPS = ("core", "bots", "ingestion")
CLIENTS = {
    "_db": "dynamodb",
    "dynamodb": "dynamodb",
    "_s3": "s3",
    "s3": "s3",
    "_sqs": "sqs",
    "sqs": "sqs",
    "secretsmanager": "secretsmanager",
}
"""What clients are called in the code, and of which service they are."""
SEARCH = frozenset({"core.aws.search.opensearch", "core.aws.search.index_versions"})
"""Where the index is called."""
NO_CALL = frozenset({"close", "exceptions", "meta", "get_waiter"})


@dataclass
class Body:
    """One function or method, or what a module or class does when it is read."""

    module: str
    owner: str
    name: str
    node: ast.AST
    names: set = field(default_factory=set)
    attributes: set = field(default_factory=set)
    calls: set = field(default_factory=set)
    texts: set = field(default_factory=set)


@cache
def _parsed(module):
    path = ROOT / (module.replace(".", "/") + ".py")
    if not path.exists():
        path = ROOT / module.replace(".", "/") / "__init__.py"
    gc.disable()  # a finalizer in between confuses Python 3.11's ast module
    try:
        return ast.parse(path.read_text())
    finally:
        gc.enable()


def _imports(module):
    for node in ast.walk(_parsed(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            for alias in node.names:
                if (ROOT / node.module.replace(".", "/") / f"{alias.name}.py").exists():
                    yield f"{node.module}.{alias.name}"


def modules(entry):
    """Our modules that a module imports, and those that they import."""
    found, left = set(), [entry]
    while left:
        module = left.pop()
        if module not in found:
            found.add(module)
            left += [each for each in _imports(module) if each.split(".")[0] in TOPS]
    return found


def _bodies(module):
    top = Body(module, "", "", ast.Module([], []))
    yield top
    for node in _parsed(module).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield _read(Body(module, "", node.name, node), node)
        elif isinstance(node, ast.ClassDef):
            inner = Body(module, node.name, "", node)
            for each in node.body:
                if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield _read(Body(module, node.name, each.name, each), each)
                else:
                    _read(inner, each)
            for each in (*node.bases, *node.decorator_list):
                _read(inner, each)
            yield inner
        elif not isinstance(node, ast.Import | ast.ImportFrom):
            _read(top, node)


def _read(body, node):
    """Notes what a body mentions, leaving types out."""
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns"}:
            continue
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, ast.AST):
                _read(body, each)
    if isinstance(node, ast.Name):
        body.names.add(node.id)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        body.texts.add(node.value)
    elif isinstance(node, ast.Attribute):
        body.attributes.add(node.attr)
        of = node.value
        on = of.attr if isinstance(of, ast.Attribute) else getattr(of, "id", "")
        if on in CLIENTS and node.attr not in NO_CALL:
            body.calls.add((CLIENTS[on], node.attr))
        elif body.module in SEARCH and on in {"_client", "indices"}:
            body.calls.add(("opensearch", node.attr))
        elif body.module == "core.aws.bedrock.embedding_wire" and node.attr == "invoke_model":
            body.calls.add(("bedrock", node.attr))
        elif body.module == "core.aws.bedrock.converse" and (on, node.attr) == ("chat", "_stream"):
            body.calls.add(("bedrock", "converse_stream"))
    return body


def reachable(entry, namesakes=frozenset()):
    """The bodies that a handler's module can come to.

    `namesakes`: methods, as class and name, that are mentioned only because others bear their name.
    """
    every = [
        body
        for module in modules(entry)
        for body in _bodies(module)
        if (body.owner, body.name) not in namesakes
    ]
    live = [b for b in every if not b.owner and (not b.name or b.module == entry)]
    while True:
        names = {(b.module, name) for b in live for name in b.names}
        attributes = {(b.module, name) for b in live for name in b.attributes}
        more = [b for b in every if b not in live and _live(b, names, attributes)]
        if not more:
            return live
        live += more


def _live(body, names, attributes):
    def mentioned(name, where):
        private = name.startswith("_")
        return any(n == name and (not private or m == body.module) for m, n in where)

    if not body.owner:  # a module's function may be called by the module's name as well
        return mentioned(body.name, names) or (
            not body.name.startswith("_") and mentioned(body.name, attributes)
        )
    if not (mentioned(body.owner, names) or mentioned(body.owner, attributes)):
        return False
    return not body.name or body.name.startswith("__") or mentioned(body.name, attributes)


def calls(entry, namesakes=frozenset()):
    """Calls as (service, method); what transactions do is among them, as `transact Put`."""
    found = set()
    for body in reachable(entry, namesakes):
        found |= body.calls
        if body.module == "core.aws.dynamodb.claims":
            kinds = {"Put", "Update", "Delete", "ConditionCheck"} & body.texts
            found |= {("dynamodb", f"transact {kind}") for kind in kinds}
    return found

"""What each Lambda function is bundled of, as it would be uploaded: arm64, whole, and no larger
than it may be."""

import ast
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deploy.bundle import FUNCTIONS, LIMIT, LIMITS, ROOT, _dependencies, bundle
from tests.deploy.template import resources

RECEIVERS = ("Slack", "Teams")
NOT_IN_A_RECEIVER = (
    "langchain_core",
    "langchain_aws",
    "markdown_it",
    "opensearchpy",
    "pypdfium2",
    "lxml",
    "docx",
    "tree_sitter",
)
HANDLERS = {
    name.removesuffix("Function"): each["Handler"].rpartition(".")[0]
    for name, each in resources("AWS::Serverless::Function").items()
}
AARCH64 = 0xB7
"""https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html"""


@pytest.fixture(scope="module")
def bundles(tmp_path_factory, request):
    """All of them, for Lambda's processor, with their sizes in bytes."""
    folder = tmp_path_factory.mktemp("bundles")
    with ThreadPoolExecutor(2) as threads:
        sizes = threads.map(lambda name: bundle(name, folder / name, here=False), FUNCTIONS)
        made = {name: (folder / name, size) for name, size in zip(FUNCTIONS, sizes, strict=True)}
    # CI's log is where people look these up
    table = ", ".join(f"{name} {size / 1e6:.1f} MB" for name, (_, size) in made.items())
    plugins = request.config.pluginmanager
    with plugins.getplugin("capturemanager").global_and_fixture_disabled():
        plugins.getplugin("terminalreporter").write_line(f"\nBundles for arm64: {table}")
    return made


def test_of_two_functions_that_need_the_same_the_slower_takes_what_the_faster_has_made(
    tmp_path, monkeypatch
):
    """SAM builds functions side by side: an update of a dependency must not fail that."""
    monkeypatch.setattr("deploy.bundle.CACHE", tmp_path)
    listed = tmp_path / "lambda-worker.txt"
    listed.write_text("")

    def installed(command, *, check):
        (target,) = (each for each in command if each.startswith("--target="))
        draft = Path(target.partition("=")[2])
        faster = tmp_path / draft.name.rpartition(".")[0]
        faster.mkdir()
        (faster / "package.py").touch()

    monkeypatch.setattr("deploy.bundle.subprocess.run", installed)
    monkeypatch.setattr("deploy.bundle._compiles", lambda **_: False)
    made = _dependencies(listed, here=True)
    assert [each.name for each in made.iterdir()] == ["package.py"]
    assert {each.name for each in tmp_path.iterdir()} == {listed.name, made.name}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_bundle_is_small_enough_and_all_of_it_runs_on_arm64(bundles, name):
    folder, size = bundles[name]
    assert size < LIMITS.get(name, LIMIT) * 1e6
    libraries = [each for each in folder.rglob("*.so*") if each.is_file()]
    for each in libraries:
        head = each.read_bytes()[:20]
        if head[:4] == b"\x7fELF":
            assert int.from_bytes(head[18:20], "little") == AARCH64, each
    assert libraries
    assert (folder / (HANDLERS[name].replace(".", "/") + ".py")).exists()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", RECEIVERS)
def test_a_receivers_bundle_has_no_model_index_or_parser(bundles, name):
    there = {each.name for each in bundles[name][0].iterdir()}
    assert there & set(NOT_IN_A_RECEIVER) == set()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_handler_needs_nothing_but_its_bundle(tmp_path, name):
    """With wheels of this machine, since that is where it is tried."""
    bundle(name, tmp_path, here=True)
    code = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
import {HANDLERS[name]} as function
assert callable(function.handler)
print(*sorted(m.split(".")[0] for m in sys.modules))
"""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env={"LAMBDA_TASK_ROOT": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    if name in RECEIVERS:
        assert set(NOT_IN_A_RECEIVER) & set(done.stdout.split()) == set()


def test_a_bundle_is_what_sam_build_makes_of_each_function():
    makefile = (ROOT / "deploy" / "Makefile").read_text()
    assert "build-%Function:" in makefile
    for name, each in resources("AWS::Serverless::Function").items():
        assert name.removesuffix("Function") in FUNCTIONS
        assert "CodeUri" not in each


def test_a_build_needs_nothing_that_is_not_in_python():
    imported = set()
    for node in ast.walk(ast.parse((ROOT / "deploy" / "bundle.py").read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module.split(".")[0])
    assert imported - sys.stdlib_module_names == set()

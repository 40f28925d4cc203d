"""Every ledger of a stand-in is whole: a basis, a source and a test for each of its rows."""

import re

import pytest

from tests.claims import ASSUMED, BASES, ROOT, assumed, functions, ledgers, read

LEDGERS = ledgers()
CLAIMS = [claim for ledger in LEDGERS for claim in ledger.claims]
DATE = re.compile(r"\b(?:19|20)\d\d-(?:0[1-9]|1[0-2])\b")
PLACE = re.compile(r"https?://\S+|\b[\w.-]+(?:/[\w.-]+)?#\d+|\b[\w.-]+ \d+\.\d+")
"""A page's address, a thread of a repository, or a package with its version."""
HEAD = "# X\n\n| behaviour | basis | source | test |\n|---|---|---|---|\n"


def wrong(claim):
    """What is wrong with a row; empty where nothing is."""
    if not claim.behaviour:
        return "it says nothing"
    if claim.basis not in BASES:
        return f"its basis is {claim.basis!r}"
    if not claim.source:
        return "it has no source"
    if claim.basis != "assumed" and not DATE.search(claim.source):
        return "its source has no date (YYYY-MM or YYYY-MM-DD)"
    if claim.basis != "assumed" and not PLACE.search(claim.source):
        return "its source is no address, thread (owner/name#1) or package with its version"
    if not claim.tests:
        return "no test holds the stand-in to it"
    for test in claim.tests:
        path, _, name = test.partition("::")
        known = functions(path)
        if known is None:
            return f"there is no {path}"
        if not name or name.rpartition("::")[2].partition("[")[0] not in known:
            return f"{path} has no test {name!r}"
    return ""


@pytest.mark.parametrize("ledger", LEDGERS, ids=lambda ledger: ledger.name)
def test_a_ledgers_tables_can_be_read(ledger):
    assert ledger.broken == ()
    assert ledger.title
    assert ledger.claims


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.where)
def test_a_claim_has_a_basis_a_source_and_a_test_that_exists(claim):
    assert wrong(claim) == ""


def test_no_ledger_claims_a_thing_twice():
    for ledger in LEDGERS:
        told = [each.behaviour for each in ledger.claims]
        assert sorted(told) == sorted(set(told)), ledger.name


def test_what_is_assumed_is_listed_for_readers():
    assert ASSUMED.read_text() == assumed(LEDGERS), "run: python -m tests.claims"
    assert "](docs/assumed.md)" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize(
    "row, complaint",
    [
        ("| a | documented | https://x.test 2026-11 | tests/claims.py::read |", ""),
        ("| a | documented | https://x.test | tests/claims.py::read |", "no date"),
        ("| a | observed | somebody, 2026-11 | tests/claims.py::read |", "no address"),
        ("| a | observed | owner/name#12, 2026-11 | tests/claims.py::read |", ""),
        ("| a | observed | minutehand 0.3.9, 2026-11-22 | tests/claims.py::read |", ""),
        ("| a | assumed | nothing is said of it | tests/claims.py::read |", ""),
        ("| a | assumed |  | tests/claims.py::read |", "no source"),
        ("| a | believed | x | tests/claims.py::read |", "'believed'"),
        ("| a | assumed | x |  |", "no test holds"),
        ("| a | assumed | x | tests/claims.py::reads |", "has no test 'reads'"),
        ("| a | assumed | x | tests/claim.py::read |", "there is no tests/claim.py"),
        ("| a | assumed | x | `tests/claims.py::read`, tests/claims.py::assumed |", ""),
    ],
)
def test_a_row_that_lacks_something_is_found(row, complaint):
    ledger = read(
        "x.md", f"# X\n\n| behaviour | basis | source | test |\n|---|---|---|---|\n{row}\n"
    )
    assert ledger.broken == ()
    (claim,) = ledger.claims
    assert complaint in wrong(claim) if complaint else wrong(claim) == ""


def test_a_table_with_other_columns_is_found():
    head = "| behaviour | basis | source |\n|---|---|---|\n"
    assert read("x.md", f"{head}| a | assumed | b |\n").broken
    assert read(
        "x.md", "| behaviour | basis | source | test |\n|---|---|---|---|\n| a | b |\n"
    ).broken

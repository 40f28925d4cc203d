"""Keys and places."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.values.documents import DocumentId, document_of, key_of


@given(st.text(st.characters(codec="utf-8"), max_size=400))
def test_a_name_cannot_leave_its_place(name):
    key = key_of("slack/T1/C1", "F1", name)
    assert len(key.encode()) <= 1024
    document, shown = document_of(key)
    assert document == DocumentId("slack/T1/C1", "F1")
    assert "/" not in shown
    assert key.count("/") == 4


@pytest.mark.parametrize("key", ["", "library/", "a/b/c/d", "slack//C1/F1/x", "x", "library"])
def test_other_objects_are_no_documents(key):
    assert document_of(key) is None


def test_what_is_in_the_library_is_known_by_its_path():
    assert document_of("library/a/b.txt") == (DocumentId("library", "a/b.txt"), "b.txt")
    assert len(DocumentId("library", "a/b.txt").short) == 24

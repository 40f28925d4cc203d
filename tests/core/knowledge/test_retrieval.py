"""What is found: fused, within what may be seen, above the floor, a parent once."""

from dataclasses import replace

from core.knowledge.retrieval import allowed, distinct, fused, parents
from core.ports.index import Found, Hit
from core.values.conversation import Scope
from core.values.documents import Document, DocumentId, Locator, State

HERE, THERE = "slack/T1/C1", "slack/T1/C2"


def hit(ordinal, score, place=HERE, version="v1", first=None):
    first = ordinal if first is None else first
    return Hit(DocumentId(place, "F1"), version, ordinal, first, first, Locator(), score)


def order(found):
    return [each.hit.ordinal for each in fused(found)]


def test_both_legs_count():
    near = [hit(1, 0.5), hit(2, 0.45)]
    assert order(Found(near, [], 4.0)) == [1, 2]
    assert order(Found(near, [hit(2, 3.0)], 4.0)) == [2, 1]


def test_words_that_stand_nowhere_do_not_drown_what_is_near():
    """A Korean question and English files: hardly any word can match."""
    near, words = [hit(1, 0.5), hit(2, 0.45)], [hit(2, 6.0)]
    assert order(Found(near, words, 20.0)) == [2, 1]
    korean = [replace(each, wide=each.ordinal == 2) for each in near]
    assert order(Found(korean, [replace(words[0], wide=True)], 20.0, wide=True)) == [1, 2]


def test_what_the_vectors_did_not_find_is_no_nearer_than_what_they_did():
    ranked = fused(Found([hit(1, 0.3)], [hit(2, 1.0)], 10.0))
    assert {each.hit.ordinal: round(each.score, 3) for each in ranked} == {1: 0.3, 2: 0.34}


def test_only_the_present_version_of_what_may_be_seen_counts():
    ranked = fused(Found([hit(1, 0.9), hit(2, 0.8, THERE), hit(3, 0.7, version="v0")], [], 1.0))
    ready = {
        DocumentId(place, "F1"): Document(DocumentId(place, "F1"), "n", "k", State.READY, "v1")
        for place in (HERE, THERE)
    }
    scopes = frozenset({Scope(HERE)})
    assert [each.hit.ordinal for each in allowed(ranked, ready, scopes)] == [1]
    assert allowed(ranked, {}, scopes) == []
    gone = {DocumentId(HERE, "F1"): Document(DocumentId(HERE, "F1"), "n", "k", State.DELETED, "v1")}
    assert allowed(ranked, gone, scopes) == []


def test_a_document_that_is_read_anew_is_still_found_in_its_old_version():
    ranked = fused(Found([hit(1, 0.9)], [], 1.0))
    document = Document(DocumentId(HERE, "F1"), "n", "k", State.EMBEDDING, "v1", "v2")
    assert allowed(ranked, {document.id: document}, {Scope(HERE)}) == ranked


def test_a_parent_is_given_once_by_its_best_chunk_and_nothing_below_the_floor():
    ranked = fused(Found([hit(1, 0.9, first=0), hit(0, 0.8, first=0), hit(5, 0.1)], [], 1.0))
    assert [each.hit.ordinal for each in parents(ranked, 6, 0.2)] == [1]
    assert [each.hit.ordinal for each in parents(ranked, 6, 0.0)] == [1, 5]
    assert len(parents(ranked, 1, 0.0)) == 1


def test_the_same_text_from_two_places_is_given_once():
    assert distinct(["a  b", "c", "a b"]) == [0, 1]

"""A question in the queue: what this version writes, the one before reads, and the other way."""

import json
from dataclasses import replace

from core.values.conversation import Conversation, Incoming, Kind, Person, dumps, loads

WHERE = Conversation("slack", "T1", "C1", None, Kind.CHANNEL)
QUESTION = Incoming("slack/T1/C1/1.0", WHERE, Person("U1"), "Hello?", "1.0")


def test_a_question_is_read_as_it_was_written():
    question = replace(QUESTION, replaces=("m1", "m2"), files_unresolved=True, answer_so_far="It")
    assert loads(dumps(question)) == question


def test_the_queue_keeps_the_keys_that_the_version_before_reads():
    question = replace(QUESTION, replaces=("m1",), files_unresolved=True, answer_so_far="It is")
    written = json.loads(dumps(question))
    assert (written["shown"], written["partial"], written["said"]) == (["m1"], True, "It is")
    assert not {"replaces", "files_unresolved", "answer_so_far"} & {*written}


def test_a_question_without_the_later_keys_is_read():
    old = json.loads(dumps(QUESTION))
    for key in ("shown", "partial", "said"):
        del old[key]
    assert loads(json.dumps(old)) == QUESTION

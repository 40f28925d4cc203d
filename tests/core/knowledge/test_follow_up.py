"""Follow-up questions are completed before they are searched for; others are left alone."""

import pytest

from core.knowledge.follow_up import leans, standing_alone
from core.ports.model import Overloaded
from core.values.answer import Delta, Message

BEFORE = [Message("user", "How long is the warranty?"), Message("assistant", "Two years [1].")]


class Model:
    def __init__(self, text="", error=None):
        self.text, self.error, self.asked = text, error, []

    async def stream(self, prompt):
        self.asked.append(prompt)
        if self.error:
            raise self.error
        yield Delta(self.text, "end_turn")


@pytest.mark.parametrize(
    "question", ["and for batteries?", "what about it", "그건 왜 그런가요?", "배터리는?"]
)
def test_a_question_that_leans_on_others_is_known(question):
    assert leans(question, BEFORE)
    assert not leans(question, [])


async def test_it_is_rewritten_by_a_cheap_model():
    model = Model("How long is the warranty for batteries?")
    assert await standing_alone("and for batteries?", BEFORE, model) == model.text
    assert model.asked[0].model == "haiku"
    assert "and for batteries?" in model.asked[0].turns[-1].text


async def test_a_question_that_stands_alone_costs_nothing():
    model = Model("x")
    asked = "Which countries does the shipping department deliver heavy goods to"
    assert await standing_alone(asked, BEFORE, model) == asked
    assert model.asked == []


async def test_without_the_model_the_question_before_is_searched_for_as_well():
    found = await standing_alone("and for batteries?", BEFORE, Model(error=Overloaded("busy")))
    assert found == "How long is the warranty? and for batteries?"

"""What people do with the files of a place, whatever they type and however files are named."""

import pytest

from core.knowledge.files.file_commands import Files
from core.values.conversation import Command, Conversation, Kind, Person
from core.values.documents import Document, DocumentId, State

WHERE = Conversation("any", "T", "C", None, Kind.CHANNEL)


class Manifest:
    def __init__(self, names):
        self.rows = [
            Document(DocumentId(WHERE.place, f"F{n}"), name, "key", state=State.READY)
            for n, name in enumerate(names)
        ]

    async def of_place(self, place, limit):
        return self.rows[:limit]

    async def get(self, ids):
        for each in ids:
            assert 0 < len(each.file.encode()) <= 1024, "no key of the table"
        return {each.id: each for each in self.rows if each.id in ids}


class NoErasures:
    async def hidden(self, place):
        return []


def files_of(names):
    return Files(Manifest(names), None, None, None, None, erasures=NoErasures())


def given(name, argument):
    return Command("e", WHERE, Person("ana"), name, argument)


@pytest.mark.parametrize(
    "argument", ["", "0", "1", "2", "99", "9" * 5000, "²", "٣", "-1", "1e5", "x" * 5000, "\u200b"]
)
async def test_files_are_listed_whatever_is_typed_for_a_page(argument):
    said = await files_of([f"{n}.pdf" for n in range(30)]).command(given("files", argument))
    assert "30 files" in said.markdown
    assert said.options


@pytest.mark.parametrize("name", ["", "\u200b\u200b", "\u3164", " \n "])
async def test_a_file_whose_name_shows_nothing_is_in_the_list_all_the_same(name):
    (option,) = (await files_of([name]).command(given("files", ""))).options
    assert option.label == "(no name)"

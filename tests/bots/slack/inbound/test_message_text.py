"""A message of Slack is read whole, each thing once, in questions and in threads alike."""

import pytest

from bots.slack.api.messages import turn
from bots.slack.inbound.message_text import files, read
from bots.slack.inbound.parse import message

TABLE = {
    "type": "table",
    "rows": [
        [{"type": "raw_text", "text": "Model"}, {"type": "raw_text", "text": "Price"}],
        [{"type": "raw_text", "text": "Heron"}, {"type": "raw_text", "text": "412"}],
    ],
}
OFFER = {"id": "F9", "name": "offer.pdf", "mimetype": "application/pdf", "size": 1000}
FORWARD = {"is_share": True, "author_name": "Kim", "fallback": "x", "text": "Here is the offer"}


def rich(*elements):
    section = {"type": "rich_text_section", "elements": list(elements)}
    return {"type": "rich_text", "elements": [section]}


def words(text):
    return rich({"type": "text", "text": text})


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            {"text": "which?", "attachments": [{"blocks": [TABLE]}]},
            "which?\n\n| Model | Price |\n| --- | --- |\n| Heron | 412 |",
        ),
        ({"text": "", "blocks": [TABLE]}, "| Model | Price |\n| --- | --- |\n| Heron | 412 |"),
        ({"text": "look", "attachments": [FORWARD]}, "look\n\n> Kim: Here is the offer"),
        (
            {
                "attachments": [
                    {
                        "is_share": True,
                        "author_name": "Kim",
                        "fallback": "[no preview available]",
                        "message_blocks": [{"message": {"blocks": [words("Pump 7 leaks")]}}],
                    }
                ]
            },
            "> Kim: Pump 7 leaks",
        ),
        (
            {
                "attachments": [
                    {
                        "pretext": "Production",
                        "title": "DiskFull",
                        "fields": [{"title": "Usage", "value": "97 %"}],
                        "fallback": "DiskFull on db-7",
                    }
                ]
            },
            "Production\n\nDiskFull\n\nUsage: 97 %",
        ),
        ({"attachments": [{"fallback": "only this"}]}, "only this"),
        ({"attachments": [{"fallback": "[no preview available]"}]}, ""),
        ({"text": "same", "blocks": [words("same")]}, "same"),
        (
            {"text": "CPU", "blocks": [{"type": "section", "text": "CPU"}, words("CPU")]},
            "CPU",
        ),
        (
            {"blocks": [rich({"type": "user", "user_id": "U2"}, {"type": "text", "text": " <3"})]},
            "@someone <3",
        ),
        ({"text": 7, "blocks": "x", "attachments": [3, {"fields": [1], "blocks": {}}]}, ""),
    ],
)
def test_every_part_is_read_once(given, expected):
    text = given.get("text")
    assert read(given, text if isinstance(text, str) else "") == expected


def test_a_thread_reads_a_message_as_a_question_does():
    given = {"ts": "1.0", "user": "U1", "text": "look", "attachments": [FORWARD]}
    assert turn(given, "UBOT", {"U1": "Ana"}).text == "look\n\n> Kim: Here is the offer"
    assert turn(given, "UBOT", {"U1": "Ana"}).person == "Ana"


def test_files_of_a_forward_are_attachments_of_the_question():
    event = {
        "type": "app_mention",
        "channel": "C1",
        "ts": "1.0",
        "user": "U1",
        "text": "<@UBOT> summarise this",
        "files": [OFFER],
        "attachments": [{**FORWARD, "files": [OFFER, {**OFFER, "id": "F8", "name": "b.pdf"}]}],
    }
    body = {"team_id": "T1", "authorizations": [{"team_id": "T1", "user_id": "UBOT"}]}
    found = message({**body, "event": event})
    assert [each.name for each in found.attachments] == ["offer.pdf", "b.pdf"]
    assert len(list(files(event))) == 2


@pytest.mark.parametrize("line", ["7", "web-3", "leaks", "펌프", "n 17 pumps l"])
def test_a_short_line_is_no_repeat_because_its_letters_stand_elsewhere(line):
    section = {"type": "section", "text": {"type": "plain_text", "text": line}}
    given = {"text": "In 17 pumps leaks were found on web-31, in 펌프실 too", "blocks": [section]}
    assert read(given, given["text"]) == f"{given['text']}\n\n{line}"


def test_a_line_that_stands_in_the_text_as_it_is_repeats_it():
    lines = "CPU alert\nThe host web-3 is at 97 %"
    section = {"type": "section", "text": {"type": "mrkdwn", "text": lines}}
    text = "*CPU alert*: the host web-3 is at 97 % since noon"
    assert read({"text": text, "blocks": [section]}, text) == (f"{text}\n\nCPU alert")

"""The page's Teams half: channels, the group, personal chats that stream, cards and files."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.test_page import PHONE, browser, page, parley, say
from tests.browser.test_page_files import share

__all__ = ["browser", "page", "parley"]
pytestmark = pytest.mark.browser


@pytest.fixture
def teams(page):
    page.get_by_test_id("on-teams").click()
    expect(page.get_by_test_id("on-teams")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_test_id("channel-launch-crew")).to_be_visible()
    return page


def test_a_mention_is_answered_in_a_thread_with_the_label_of_its_making(teams):
    teams.get_by_test_id("channel-general").click()
    say(teams, "@Parley what can you do?")
    thread = teams.get_by_test_id("thread")
    expect(thread.get_by_test_id("rate-like")).to_be_visible(timeout=30_000)
    expect(thread.get_by_test_id("ai").last).to_be_visible()
    expect(thread.get_by_test_id("ai").last).to_have_text("AI generated")
    thread.get_by_label("Good answer").click()
    expect(thread.get_by_label("Good answer")).to_have_attribute("aria-pressed", "true")
    expect(teams.get_by_test_id("ephemeral")).to_have_count(0)


def test_a_personal_chat_streams_and_its_stop_button_stops_it(teams):
    teams.get_by_test_id("channel-parley").click()
    say(teams, "Please tell me what you can do, at length.")
    stop = teams.get_by_test_id("stop-stream")
    expect(stop).to_be_visible(timeout=30_000)
    expect(teams.get_by_test_id("message").last).to_contain_text("offline stand-in", timeout=30_000)
    stop.click()
    expect(teams.get_by_test_id("message").last).to_contain_text("Stopped.", timeout=15_000)
    expect(stop).to_be_hidden()


def test_model_is_chosen_from_a_card(teams):
    teams.get_by_test_id("channel-launch-crew").click()
    say(teams, "/model")
    card = teams.get_by_test_id("ephemeral").last
    expect(card).to_contain_text("Which Claude answers", timeout=20_000)
    card.get_by_test_id("picker").select_option("haiku")
    card.get_by_test_id("action-parley:model").click()
    expect(teams.get_by_test_id("ephemeral").last).to_contain_text("From now on", timeout=20_000)


def test_a_file_is_known_where_it_was_shared_and_not_in_the_other_half(teams, tmp_path):
    path = tmp_path / "storks.md"
    path.write_text("# Storks\n\nThe Acme stork is named Wilhelmine and nests on the roof.\n")
    teams.get_by_test_id("channel-launch").click()
    share(teams, path)
    teams.get_by_test_id("send").click()
    thread = teams.get_by_test_id("thread")
    expect(thread.get_by_test_id("rate-like")).to_be_visible(timeout=90_000)
    expect(thread).to_contain_text("Wilhelmine")
    say(teams, "@Parley what is the Acme stork named?", "thread-composer")
    cite = thread.get_by_test_id("cite").first
    expect(cite).to_be_visible(timeout=30_000)
    cite.hover()
    peek = teams.get_by_test_id("peek")
    expect(peek).to_contain_text("storks.md")
    expect(peek).to_contain_text("Wilhelmine")
    teams.keyboard.press("Escape")
    expect(peek).to_be_hidden()
    cite.focus()
    expect(peek).to_be_visible()
    href = cite.get_attribute("href")
    assert re.search(r"/teams/ui/file/[\w-]+\?user=U0ANA", href), href
    assert teams.request.get(href).ok
    assert not teams.request.get(href.replace("U0ANA", "U0NOBODY")).ok
    teams.get_by_label("Close the thread").click()
    teams.get_by_test_id("on-slack").click()
    teams.get_by_test_id("channel-general").click()
    say(teams, "@Parley what is the Acme stork named?")
    expect(thread.get_by_test_id("action-parley:regenerate")).to_be_visible(timeout=30_000)
    expect(thread).not_to_contain_text("Wilhelmine")


DROP = """([name, text]) => {
  const data = new DataTransfer();
  data.items.add(new File([text], name, { type: "text/markdown" }));
  for (const kind of ["dragenter", "dragover", "drop"]) {
    document.querySelector(".channel").dispatchEvent(
      new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
  }
}"""


@pytest.mark.parametrize("place", ["parley", "launch-crew"])
def test_a_file_that_is_dropped_in_a_chat_is_read_there(teams, place):
    teams.get_by_test_id(f"channel-{place}").click()
    teams.evaluate(DROP, ["herons.md", f"# Herons\n\nThe heron of {place} is named Gerd.\n"])
    expect(teams.get_by_test_id("chips").first).to_contain_text("herons.md")
    teams.get_by_test_id("send").click()
    expect(teams.get_by_test_id("file").last).to_contain_text("herons.md")
    expect(teams.get_by_test_id("message").last).to_contain_text("Gerd", timeout=90_000)


def test_the_half_one_is_in_is_in_the_address_and_remembered(teams, parley):
    assert teams.url.endswith("?on=teams")
    teams.goto(parley["page"])
    expect(teams.get_by_test_id("on-teams")).to_have_attribute("aria-pressed", "true")
    teams.goto(parley["page"] + "/?on=slack")
    expect(teams.get_by_test_id("channel-support")).to_be_visible()
    teams.get_by_test_id("on-teams").focus()
    teams.keyboard.press("Enter")
    expect(teams.get_by_test_id("channel-launch-crew")).to_be_visible()


def test_who_turns_back_at_once_is_where_they_turned_last(teams):
    teams.get_by_test_id("on-slack").click()
    expect(teams.get_by_test_id("channel-support")).to_be_visible()
    held = []
    teams.route("**/teams/ui/state", lambda route: held.append(route))
    with teams.expect_request("**/teams/ui/state"):
        teams.get_by_test_id("on-teams").click()
    teams.get_by_test_id("on-slack").click()
    with teams.expect_response("**/teams/ui/state"):
        held[0].continue_()
    say(teams, "still here")
    expect(teams.get_by_text("still here").last).to_be_visible()
    expect(teams.get_by_test_id("on-slack")).to_have_attribute("aria-pressed", "true")
    expect(teams.get_by_test_id("channel-launch-crew")).to_be_hidden()


CARD = {
    "type": "AdaptiveCard",
    "body": [
        {"type": "TextBlock", "text": "**Which** <img src=x onerror=alert(1)>", "isSubtle": True},
        {
            "type": "Container",
            "items": [
                {
                    "type": "Input.ChoiceSet",
                    "id": "kind",
                    "style": "expanded",
                    "value": "b",
                    "choices": [{"title": "Crane", "value": "a"}, {"title": "Stork", "value": "b"}],
                }
            ],
        },
        {"type": "Unheard.Of", "text": "not shown"},
        {
            "type": "ActionSet",
            "actions": [
                {"type": "Action.Submit", "title": "Take", "data": {"parley": "x"}},
                {
                    "type": "Action.Submit",
                    "title": "Leave",
                    "data": {"parley": "y"},
                    "associatedInputs": "none",
                },
            ],
        },
    ],
}


def test_a_card_sends_what_was_chosen_in_it_and_runs_nothing(teams):
    teams.evaluate(
        """async (card) => {
          const { cardNode } = await import("/card.js");
          window.sent = [];
          const node = cardNode(card, (data) => window.sent.push(data));
          node.dataset.testid = "card";
          document.querySelector("#messages").append(node);
        }""",
        CARD,
    )
    card = teams.get_by_test_id("card")
    expect(card).to_contain_text("Which <img src=x onerror=alert(1)>")
    expect(card).not_to_contain_text("not shown")
    expect(card.locator("img")).to_have_count(0)
    expect(card.get_by_label("Stork")).to_be_checked()
    card.get_by_label("Crane").check()
    card.get_by_role("button", name="Take").click()
    card.get_by_role("button", name="Leave").click()
    assert teams.evaluate("window.sent") == [{"kind": "a", "parley": "x"}, {"parley": "y"}]


GROWN = {
    "type": "AdaptiveCard",
    "body": [
        {
            "type": "Container",
            "id": "parley:x",
            "items": [
                {
                    "type": "RichTextBlock",
                    "inlines": [
                        "**no** <b>mark</b> ",
                        {"type": "TextRun", "text": "bold", "weight": "Bolder"},
                        {
                            "type": "TextRun",
                            "text": "bad",
                            "selectAction": {"type": "Action.OpenUrl", "url": "javascript:x"},
                        },
                        {
                            "type": "TextRun",
                            "text": "good",
                            "selectAction": {"type": "Action.OpenUrl", "url": "https://a.example/"},
                        },
                    ],
                },
                {
                    "type": "Table",
                    "columns": [{"width": 1}],
                    "rows": [
                        {"type": "TableRow", "cells": [{"type": "TableCell", "items": [text]}]}
                        for text in (
                            {"type": "RichTextBlock", "inlines": ["head"]},
                            {"type": "RichTextBlock", "inlines": ["황새"]},
                        )
                    ],
                },
                {"type": "CodeBlock", "codeSnippet": "<i>x</i>", "language": "PlainText"},
                {"type": "New", "fallback": {"type": "RichTextBlock", "inlines": ["instead"]}},
            ],
        }
    ],
    "fallbackText": "not shown",
    "rtl": True,
}


def test_a_card_shows_an_answers_text_as_teams_would(teams):
    teams.evaluate(
        """async (card) => {
          const { cardNode } = await import("/card.js");
          const node = cardNode(card, () => {});
          node.dataset.testid = "card";
          document.querySelector("#messages").append(node);
        }""",
        GROWN,
    )
    card = teams.get_by_test_id("card")
    expect(card).to_contain_text("**no** <b>mark</b> boldbadgood")
    expect(card.locator("strong")).to_have_text("bold")
    expect(card.locator("a")).to_have_count(1)
    expect(card.locator("a")).to_have_attribute("href", "https://a.example/")
    expect(card.locator("th")).to_have_text("head")
    expect(card.locator("td")).to_have_text("황새")
    expect(card.locator("pre")).to_have_text("<i>x</i>")
    expect(card).to_contain_text("instead")
    expect(card).not_to_contain_text("not shown")
    expect(card).to_have_attribute("dir", "rtl")


SHOWN = [
    ("**b** *i* _i_ ~~s~~", "<strong>b</strong> <em>i</em> <em>i</em> <s>s</s>"),
    ("2*3*4 snake_case_name \\*no\\*", "2*3*4 snake_case_name *no*"),
    ("[bad](javascript:alert(1)) [1]", "[bad](javascript:alert(1)) [1]"),
    ("<b>x</b> &lt;i&gt; `a<b`", "&lt;b&gt;x&lt;/b&gt; &lt;i&gt; <code>a&lt;b</code>"),
    ("**" + "\\" * 401 + "x", "**" + "\\" * 200 + "\\x"),
]


@pytest.mark.parametrize(("text", "html"), SHOWN)
def test_teams_markdown_is_shown_and_is_never_html(teams, text, html):
    shown = teams.evaluate(
        """async (text) => {
          const { renderTeams } = await import("/teams.js");
          const node = document.createElement("div");
          node.append(renderTeams(text));
          return node.innerHTML;
        }""",
        text,
    )
    assert shown == f"<p>{html}</p>"


@PHONE
def test_on_a_phone_the_halves_are_switched_and_used(teams):
    teams.get_by_test_id("channel-launch-crew").click()
    say(teams, "@Parley hello")
    expect(teams.get_by_test_id("rate-like").last).to_be_visible(timeout=30_000)
    wide = teams.evaluate("document.documentElement.scrollWidth")
    assert wide <= teams.viewport_size["width"]

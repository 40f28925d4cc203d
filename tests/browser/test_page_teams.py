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
    expect(thread.get_by_test_id("action-parley:regenerate")).to_be_visible(timeout=30_000)
    expect(thread.get_by_test_id("ai").last).to_be_visible()
    expect(thread.get_by_test_id("ai").last).to_have_text("AI generated")
    thread.get_by_label("Good answer").click()
    expect(thread.get_by_test_id("ephemeral")).to_have_count(0)
    expect(teams.get_by_test_id("ephemeral").last).to_contain_text("Thanks, noted.")


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
    expect(thread.get_by_test_id("action-parley:regenerate")).to_be_visible(timeout=90_000)
    expect(thread).to_contain_text("Wilhelmine")
    say(teams, "@Parley what is the Acme stork named?", "thread-composer")
    cite = thread.get_by_test_id("cite").first
    expect(cite).to_be_visible(timeout=30_000)
    assert "storks.md" in cite.get_attribute("title")
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


@PHONE
def test_on_a_phone_the_halves_are_switched_and_used(teams):
    teams.get_by_test_id("channel-launch-crew").click()
    say(teams, "@Parley hello")
    expect(teams.get_by_test_id("action-parley:regenerate").last).to_be_visible(timeout=30_000)
    wide = teams.evaluate("document.documentElement.scrollWidth")
    assert wide <= teams.viewport_size["width"]

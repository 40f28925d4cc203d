"""The page in a real browser, over `parley run` as a person starts it."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

pytestmark = pytest.mark.browser
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "msedge")
PARLEY = [sys.executable, "-c", "from cli.main import main; main()"]
ROOT = Path(__file__).parents[2]


def start(state, port=0):
    """`parley run` and its endpoints."""
    environ = {
        k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "SLACK_", "PARLEY_"))
    }
    process = subprocess.Popen(
        [*PARLEY, "run", "--json", "--port", str(port), "--state", str(state)],
        env=environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        cwd=state,
    )
    line = process.stdout.readline()
    assert line, "parley run ended at once"
    return process, json.loads(line)


def stop(process):
    process.send_signal(signal.SIGTERM)
    process.wait(40)
    process.stdout.close()


@pytest.fixture(scope="module")
def parley(tmp_path_factory):
    process, endpoints = start(tmp_path_factory.mktemp("state"))
    yield endpoints
    stop(process)


@pytest.fixture(scope="module")
def browser():
    found = os.environ.get("PARLEY_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.fail("The page's tests need a Chromium: install it (Debian: apt install chromium).")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser, parley, request):
    width, height = getattr(request, "param", (1280, 800))
    context = browser.new_context(viewport={"width": width, "height": height})
    page = context.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(parley["page"])
    expect(page.get_by_test_id("channel-general")).to_be_visible()
    yield page
    context.close()
    assert errors == []


PHONE = pytest.mark.parametrize("page", [(390, 844)], indirect=True)


def say(page, text, box="composer"):
    page.get_by_test_id(box).fill(text)
    if text.startswith("/"):
        page.get_by_test_id(box).press("Escape")  # closes the completion
    page.get_by_test_id(box).press("Enter")


def test_it_says_that_a_stand_in_answers(page):
    expect(page.get_by_test_id("banner")).to_contain_text("offline stand-in answers")


def test_a_mention_completed_by_keyboard_is_answered_in_a_growing_message(page):
    page.get_by_test_id("channel-support").click()
    box = page.get_by_test_id("composer")
    box.press_sequentially("@Par")
    expect(page.get_by_test_id("completion").first).to_contain_text("Parley")
    box.press("Enter")
    box.press_sequentially("what can you do?")
    box.press("Enter")
    thread = page.get_by_test_id("thread")
    expect(thread.get_by_test_id("action-parley:stop")).to_be_visible()
    sizes = []
    for _ in range(12):
        sizes.append(len(thread.inner_text()))
        page.wait_for_timeout(250)
    assert len(set(sizes)) > 3
    expect(thread.get_by_test_id("action-parley:regenerate")).to_be_visible(timeout=20_000)
    expect(thread).to_contain_text("not Claude")


def test_stop_and_then_regenerate(page):
    page.get_by_test_id("channel-parley").click()
    say(page, "what can you do here?")
    page.get_by_test_id("action-parley:stop").click(timeout=10_000)
    expect(page.get_by_text("Stopped.")).to_be_visible(timeout=10_000)
    page.get_by_test_id("action-parley:regenerate").last.click()
    expect(page.get_by_test_id("action-parley:up").last).to_be_visible(timeout=25_000)
    page.get_by_test_id("action-parley:up").last.click()
    expect(page.get_by_test_id("ephemeral").last).to_contain_text("Thanks")


def test_the_model_is_chosen_from_a_picker_that_only_one_sees(page, browser, parley):
    page.get_by_test_id("channel-design-review").click()
    say(page, "/model")
    picker = page.get_by_test_id("picker")
    expect(picker).to_be_visible(timeout=10_000)
    expect(page.get_by_test_id("ephemeral")).to_contain_text("(current)")
    picker.select_option("opus")
    expect(page.get_by_test_id("ephemeral")).to_contain_text("From now on Claude Opus 5.5")
    other = browser.new_page()
    other.goto(parley["page"])
    other.get_by_test_id("person").select_option(label="Ben Ortiz")
    other.get_by_test_id("channel-design-review").click()
    expect(other.get_by_test_id("ephemeral")).to_have_count(0)
    other.close()
    page.get_by_text("Dismiss").click()
    expect(page.get_by_test_id("ephemeral")).to_have_count(0)


def test_a_follow_up_in_a_thread_quotes_it(page):
    say(page, "The launch moves to Friday.")
    page.get_by_text("The launch moves to Friday.").last.hover()
    page.get_by_role("button", name="Reply in thread").last.click()
    say(page, "@Parley When is the launch?", "thread-composer")
    expect(page.get_by_test_id("thread")).to_contain_text(
        "“The launch moves to Friday.” — Ana Kim", timeout=20_000
    )


def test_own_messages_are_edited_and_deleted_by_keyboard_and_button(page):
    say(page, "a tyop")
    expect(page.get_by_text("a tyop")).to_be_visible()
    box = page.get_by_test_id("composer")
    box.press("ArrowUp")
    expect(box).to_have_value("a tyop")
    say_again = "a typo"
    box.fill(say_again)
    box.press("Enter")
    expect(page.get_by_text(say_again)).to_be_visible()
    expect(page.get_by_text("(edited)").last).to_be_visible()
    page.get_by_text(say_again).hover()
    page.get_by_role("button", name="Delete").last.click()
    expect(page.get_by_text(say_again)).to_have_count(0)


def test_a_message_sent_while_the_list_is_still_being_read_stays_in_it(page):
    held = []
    page.route("**/ui/messages*", lambda route: held.append((route, route.fetch())))
    page.reload()
    with page.expect_response("**/ui/say"):
        say(page, "sent in between")
    for route, answer in held:  # read before the message was sent
        route.fulfill(response=answer)
    expect(page.get_by_text("sent in between")).to_be_visible()
    page.unroute_all()


def test_a_reload_keeps_channel_thread_and_draft(page):
    page.get_by_test_id("channel-support").click()
    say(page, "Where were we?")
    page.get_by_text("Where were we?").last.hover()
    page.get_by_role("button", name="Reply in thread").last.click()
    page.get_by_test_id("thread-composer").fill("half a reply")
    page.get_by_test_id("composer").fill("half a message")
    page.reload()
    expect(page.locator("#title")).to_have_text("# support")
    expect(page.get_by_test_id("thread")).to_contain_text("Where were we?")
    expect(page.get_by_test_id("thread-composer")).to_have_value("half a reply")
    expect(page.get_by_test_id("composer")).to_have_value("half a message")


def test_text_is_text_whatever_it_says(page):
    say(page, "<img src=x onerror=alert(1)> <b>bold</b> *strong* `code`")
    last = page.get_by_test_id("message").last
    expect(last).to_contain_text("<img src=x onerror=alert(1)> <b>bold</b> strong code")
    assert page.locator(".msg img").count() == 0


@PHONE
def test_on_a_phone_one_goes_from_list_to_channel_to_thread_and_back(page):
    page.get_by_test_id("channel-general").click()
    say(page, "@Parley what can you do?")
    page.get_by_test_id("replies").last.click(timeout=15_000)
    expect(page.get_by_test_id("thread")).to_be_visible()
    expect(page.get_by_test_id("composer")).to_be_hidden()
    assert page.get_by_test_id("thread-composer").bounding_box()["height"] > 20
    page.get_by_role("button", name="Back to the channel").click()
    page.get_by_role("button", name="Back to channels").click()
    expect(page.get_by_test_id("channel-support")).to_be_visible()
    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0


def test_what_was_said_is_there_after_a_restart_and_the_page_catches_up(browser, tmp_path):
    process, endpoints = start(tmp_path)
    page = browser.new_page()
    page.goto(endpoints["page"])
    port = endpoints["page"].rpartition(":")[2]
    say(page, "remember me")
    expect(page.get_by_text("remember me")).to_be_visible()
    process.kill()
    process.wait()
    process.stdout.close()
    expect(page.locator("#offline")).to_be_visible()
    process, _ = start(tmp_path, port)
    expect(page.locator("#offline")).to_be_hidden(timeout=15_000)
    expect(page.get_by_text("remember me")).to_have_count(1)
    say(page, "@Parley hello again")
    expect(page.get_by_test_id("thread")).to_contain_text("not Claude", timeout=20_000)
    page.close()
    stop(process)

"""Files on the page: dropped, watched being read, asked about, opened at their source, deleted."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.test_page import PHONE, browser, page, parley, say
from tests.ingestion.pdfs import pdf

__all__ = ["browser", "page", "parley"]
pytestmark = pytest.mark.browser

PAGES = [
    "The expense policy of Acme, in force from May 2026.",
    *(f"Chapter {n} speaks of other matters, such as parking and plants. " * 40 for n in range(6)),
    "Hotels are reimbursed up to 140 euros a night. Receipts go to Ana within ten days.",
]


@pytest.fixture
def policy(tmp_path):
    path = tmp_path / "expenses.pdf"
    path.write_bytes(pdf(PAGES))
    return path


def share(page, *paths, box="composer"):
    page.locator(f"#{box}-slot").get_by_test_id("file-input").set_input_files(paths)
    expect(page.get_by_test_id("chips").first).to_contain_text(paths[0].name)


def test_a_file_is_read_summarised_asked_about_opened_and_deleted(page, policy):
    page.get_by_test_id("channel-general").click()
    share(page, policy)
    page.get_by_test_id("send").click()
    expect(page.get_by_test_id("file").first).to_contain_text("expenses.pdf")
    thread = page.get_by_test_id("thread")
    expect(thread.get_by_test_id("action-parley:regenerate")).to_be_visible(timeout=90_000)
    expect(thread).to_contain_text("The expense policy of Acme")
    say(page, "@Parley up to how many euros a night are hotels reimbursed?", "thread-composer")
    source = thread.get_by_test_id("source").first
    expect(source).to_be_visible(timeout=30_000)
    expect(thread).to_contain_text("Hotels are reimbursed up to 140 euros")
    href = source.get_attribute("href")
    assert re.search(r"/files/U0ANA/\w+/expenses.pdf\?user=U0ANA#page=\d+$", href), href
    opened = page.request.get(href)
    assert opened.ok
    assert opened.headers["content-type"] == "application/pdf"
    stranger = page.request.get(href.replace("user=U0ANA", "user=U0NOBODY"))
    assert not stranger.ok
    page.get_by_label("Close the thread").click()
    page.get_by_test_id("channel-design-review").click()
    say(page, "@Parley up to how many euros a night are hotels reimbursed?")
    expect(thread.get_by_test_id("action-parley:regenerate")).to_be_visible(timeout=30_000)
    expect(thread).not_to_contain_text("140 euros")
    page.get_by_test_id("channel-general").click()
    page.get_by_test_id("file").first.hover()
    page.get_by_role("button", name="Delete expenses.pdf").click()
    expect(page.get_by_text("This file was deleted.").first).to_be_visible()
    page.wait_for_timeout(1500)
    say(page, "@Parley up to how many euros a night are hotels reimbursed?")
    expect(thread.get_by_test_id("action-parley:regenerate")).to_be_visible(timeout=30_000)
    expect(thread).not_to_contain_text("140 euros")


def test_a_chosen_file_can_be_taken_back(page, policy):
    page.get_by_test_id("channel-support").click()
    share(page, policy)
    expect(page.get_by_test_id("send")).to_be_enabled()
    page.get_by_label("Remove expenses.pdf").click()
    expect(page.get_by_test_id("chips").first).to_be_hidden()
    expect(page.get_by_test_id("send")).to_be_disabled()


@PHONE
def test_on_a_phone_files_are_shared_and_listed(page, tmp_path):
    page.get_by_test_id("channel-support").click()
    broken = tmp_path / "broken.pdf"
    broken.write_bytes(b"%PDF-1.7 no")
    share(page, broken)
    page.get_by_test_id("send").click()
    expect(page.get_by_test_id("replies")).to_be_visible(timeout=60_000)
    page.wait_for_timeout(3000)
    say(page, "/files")
    expect(page.get_by_test_id("ephemeral")).to_contain_text("broken.pdf")
    expect(page.get_by_test_id("ephemeral")).to_contain_text("damaged")


def test_files_can_be_dropped_anywhere(page):
    page.get_by_test_id("channel-support").click()
    drop = page.evaluate_handle(
        """() => {
            const data = new DataTransfer();
            data.items.add(new File(["Storks clatter."], "storks.txt", { type: "text/plain" }));
            return data;
        }"""
    )
    page.dispatch_event("#messages", "dragenter", {"dataTransfer": drop})
    expect(page.locator(".channel.dropping")).to_be_visible()
    page.dispatch_event("#messages", "drop", {"dataTransfer": drop})
    expect(page.locator(".channel.dropping")).to_be_hidden()
    expect(page.get_by_test_id("chips").first).to_contain_text("storks.txt")

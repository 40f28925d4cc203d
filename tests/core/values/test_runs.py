"""The names of runs."""

import pytest

from core.values.runs import belongs_to, next_run, post_of

POST = "slack/T1/C1/1.0"


@pytest.mark.parametrize(
    ("run", "post", "following"),
    [
        (POST, POST, f"{POST}~2"),
        (f"{POST}~2", POST, f"{POST}~3"),
        (f"{POST}~19", POST, f"{POST}~20"),
        ("slack/T1/a~b/1.0", "slack/T1/a~b/1.0", "slack/T1/a~b/1.0~2"),
    ],
)
def test_runs_of_a_post_are_counted(run, post, following):
    assert post_of(run) == post
    assert next_run(run) == following


def test_a_run_belongs_to_its_place_only():
    assert belongs_to(f"{POST}~2", "slack/T1/C1")
    assert not belongs_to(POST, "slack/T1/C")
    assert not belongs_to(POST, "slack/T1/C2")


def test_a_run_that_no_table_could_keep_belongs_nowhere():
    """A card's data comes from people's clients."""
    assert not belongs_to("teams/T/C/" + "x" * 1500, "teams/T/C")
    assert not belongs_to("teams/T/C/" + "가" * 400, "teams/T/C")
    assert next_run("teams/T/C/1~" + "9" * 5000).endswith("9~2")

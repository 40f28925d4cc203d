"""`parley inspect search`: whose eyes it sees with, and what its scores are made of."""

from argparse import Namespace

import pytest

from cli.inspect import search
from cli.inspect.command import inspect
from cli.inspect.reading import Unusable
from core.values.conversation import Kind


@pytest.mark.parametrize(
    ("person", "channel", "kind"),
    [
        ("slack/T1/U1", "", Kind.DIRECT),
        ("slack/T1/U1", "D1", Kind.DIRECT),
        ("slack/T1/U1", "C1", Kind.CHANNEL),
        ("teams/t/aad", "", Kind.DIRECT),
        ("teams/t/aad", "a:1", Kind.DIRECT),
        ("teams/t/aad", "19:x@thread.tacv2", Kind.CHANNEL),
        ("teams/t/aad", "19:x@thread.v2", Kind.GROUP),
    ],
)
def test_the_place_is_known_by_its_id(person, channel, kind):
    where = search._where(person, channel)
    assert where.kind is kind
    assert where.channel == channel or (channel, where.channel) == ("", "-")


@pytest.mark.parametrize("person", ["slack", "slack/T1", "slack//U1", "mars/T1/U1"])
def test_a_person_that_is_none_is_refused(person):
    with pytest.raises(Unusable, match="--as is PLATFORM/TENANT/PERSON"):
        search._where(person, "")


def test_without_settings_or_a_running_parley_it_says_what_is_missing(
    tmp_path, monkeypatch, capsys
):
    for name in ("PARLEY_BUCKET", "PARLEY_TABLE", "AWS_REGION", "OPENSEARCH_URL"):
        monkeypatch.delenv(name, raising=False)
    options = Namespace(
        kind="search", question="q", person="", channel="", state=str(tmp_path), json=False
    )
    assert inspect(options) == 2
    assert "PARLEY_BUCKET is not set" in capsys.readouterr().err

"""Graph's stand-in as Graph is documented: batches, items and their permissions."""

from contextlib import asynccontextmanager

import aiohttp
import pytest

from local.aws import free_port
from local.teams.tenant.people import GROUP, HUMANS
from tests.support.teams_world import GENERAL, serving, standin

ANA, BEN = HUMANS[:2]


@asynccontextmanager
async def graph():
    """The stand-in, and a function that calls it with a good token."""
    port = free_port()
    teams = standin(port, 1, retry_delays=())
    token = teams.issued.give(teams.graph.scope)["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    async with serving(teams, port), aiohttp.ClientSession(headers=headers) as http:

        async def call(path, body=None, method=""):
            method = method or ("GET" if body is None else "POST")
            url = f"{teams.graph.base}/graph/v1.0/{path}"
            async with http.request(method, url, json=body, allow_redirects=False) as response:
                text = await response.text()
                data = await response.json() if text else {}
                return response.status, data, response.headers

        yield teams, call


def asked(*urls):
    return {"requests": [{"id": str(n), "method": "GET", "url": u} for n, u in enumerate(urls)]}


async def test_a_batch_answers_each_request_with_a_status_of_its_own_in_any_order():
    async with graph() as (teams, call):
        file = teams.tenant.store(ANA.id, "a.txt", b"x")
        good = f"/drives/{file['drive']}/items/{file['id']}?$select=id,cTag"
        status, data, _ = await call("$batch", asked(good, "/drives/none/items/none"))
        assert status == 200
        assert [each["id"] for each in data["responses"]] == ["1", "0"]
        by_id = {each["id"]: each for each in data["responses"]}
        assert by_id["0"]["status"] == 200
        assert set(by_id["0"]["body"]) == {"id", "cTag"}
        assert by_id["1"]["status"] == 404
        assert by_id["1"]["body"]["error"]["code"] == "itemNotFound"


async def test_a_request_of_a_batch_that_is_too_many_says_when_to_come_back():
    async with graph() as (teams, call):
        file = teams.tenant.store(ANA.id, "a.txt", b"x")
        place = f"/drives/{file['drive']}/items/{file['id']}"
        teams.graph.faults = ["429:5"]
        status, data, _ = await call("$batch", asked(place, place))
        assert status == 200
        limited, fine = data["responses"]
        assert (limited["status"], limited["headers"]["Retry-After"]) == (429, "5")
        assert limited["body"]["error"]["code"] == "TooManyRequests"
        assert fine["status"] == 200


@pytest.mark.parametrize(
    "body",
    [
        asked(*["/x"] * 21),
        {"requests": []},
        {"requests": [{"id": "1", "method": "GET", "url": "/x"}] * 2},
        {"requests": [{"id": "1", "url": "/x"}]},
        {},
    ],
)
async def test_a_batch_of_more_than_twenty_or_with_an_id_twice_is_refused_whole(body):
    async with graph() as (_, call):
        status, data, _ = await call("$batch", body)
        assert (status, data["error"]["code"]) == (400, "BadRequest")


async def test_a_new_version_changes_both_tags_and_a_new_name_only_the_items():
    async with graph() as (teams, call):
        file = teams.tenant.store(ANA.id, "a.txt", b"x")
        place = f"drives/{file['drive']}/items/{file['id']}"
        _, first, _ = await call(place)
        teams.tenant.replace_file(file["id"], b"xy")
        _, second, _ = await call(place)
        assert first["id"] == second["id"]
        assert first["cTag"] != second["cTag"]
        assert first["eTag"] != second["eTag"]
        teams.tenant.files[file["id"]]["renamed"] += 1
        _, third, _ = await call(place)
        assert third["cTag"] == second["cTag"]
        assert third["eTag"] != second["eTag"]


async def test_a_file_is_in_its_owners_drive_or_its_channels_and_its_permissions_say_whose_it_is():
    async with graph() as (teams, call):
        own = teams.tenant.store(ANA.id, "a.txt", b"x")
        teams.tenant.grant(own["id"], user=BEN.id)
        _, drive, _ = await call(f"users/{ANA.aad}/drive")
        _, item, _ = await call(f"drives/{drive['id']}/items/{own['id']}")
        assert item["parentReference"]["driveId"] == drive["id"]
        _, told, _ = await call(f"drives/{drive['id']}/items/{own['id']}/permissions")
        owner, given = told["value"]
        assert (owner["roles"], owner["grantedToV2"]["user"]["id"]) == (["owner"], ANA.aad)
        assert (given["roles"], given["grantedToV2"]["user"]["id"]) == (["read"], BEN.aad)
        teams.share(ANA.id, GENERAL, [("b.txt", b"x")])
        _, folder, _ = await call(f"teams/{GROUP}/channels/{GENERAL}/filesFolder")
        shared = next(each for each in teams.tenant.files.values() if each["name"] == "b.txt")
        assert shared["drive"] == folder["parentReference"]["driveId"]
        _, told, _ = await call(f"drives/{shared['drive']}/items/{shared['id']}/permissions")
        assert "siteGroup" in told["value"][0]["grantedToV2"]


async def test_content_redirects_to_an_address_that_opens_by_itself():
    async with graph() as (teams, call):
        file = teams.tenant.store(ANA.id, "a.txt", b"x")
        status, _, headers = await call(f"drives/{file['drive']}/items/{file['id']}/content")
        assert status == 302
        assert "tempauth" in headers["Location"]


async def test_files_need_the_right_to_read_them():
    async with graph() as (teams, call):
        file = teams.tenant.store(ANA.id, "a.txt", b"x")
        teams.graph.granted -= {"Files.Read.All"}
        status, data, _ = await call(f"drives/{file['drive']}/items/{file['id']}/permissions")
        assert (status, data["error"]["code"]) == (403, "Forbidden")

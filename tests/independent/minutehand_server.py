"""Serves minutehand's Bot Framework connector, sign-in and Graph on one port of this machine.

Run by minutehand's own Python: `python minutehand_server.py PORT FOLDER`. Its hosts are prefixes of
the path here: `/login`, `/connector`, `/graph`. `GET /_unknown` lists the calls that it does not
know, which it answers 501; `GET /_world` names the tenant, its people and their conversations.
"""

import json
import sys
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

HOSTS = {
    "login": "login.microsoftonline.com",
    "connector": "smba.trafficmanager.net",
    "graph": "graph.microsoft.com",
}
PEOPLE = [
    {"key": "ana", "name": "Ana Ruiz", "email": "ana@parley.example"},
    {"key": "ben", "name": "Ben Cho", "email": "ben@parley.example"},
]
SCENARIO = {
    "name": "parley",
    "starts_at": "2026-12-01T09:00:00Z",
    "people": PEOPLE,
    "channels": [
        {"provider": "microsoft", "name": "general", "members": ["ana", "ben"]},
        {"provider": "microsoft", "members": ["ana", "ben"]},
    ],
}


class Clock:
    """The time that it is."""

    def now(self):
        return datetime.now(UTC)

    def wake(self):
        return 1


class Front:
    """An ASGI application that hands a call to the host that its path names."""

    def __init__(self, app, world, not_served):
        self.app, self.world, self.not_served = app, world, not_served
        self.unknown = []

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return
        raw = scope["raw_path"].decode().split("?")[0]
        _, first, *rest = raw.split("/", 2)
        if first == "_unknown":
            await answered(send, 200, self.unknown)
        elif first == "_world":
            await answered(send, 200, self.world)
        elif first in HOSTS:
            path = f"/{rest[0] if rest else ''}"
            others = [each for each in scope["headers"] if each[0] != b"host"]
            headers = [*others, (b"host", HOSTS[first].encode())]
            inner = {**scope, "raw_path": path.encode(), "path": path, "headers": headers}
            try:
                await self.app(inner, receive, send)
            except self.not_served as exc:
                self.unknown.append({"call": f"{scope['method']} {first}{path}", "why": str(exc)})
                await answered(send, 501, {"error": {"code": "NotServed", "message": str(exc)}})
        else:
            await answered(send, 404, {"error": {"code": "NoSuchHost", "message": first}})


async def answered(send, status, body):
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(body).encode()})


def named(scenario, world):
    """Ids of the tenant and all that is in it."""
    state = import_module("minutehand.adapters.providers.microsoft.state")
    directory = state.directory_of(scenario)
    people = {each["key"]: world.person(each["key"]) for each in PEOPLE}
    return {
        "tenant": directory.tenant_id,
        "app": directory.bot_app_id,
        "secret": directory.bot_app_secret,
        "team": directory.team_id,
        "general": directory.general_channel_id,
        "people": {key: {"aad": each.user.id, "id": each.mri} for key, each in people.items()},
        "conversations": [
            {"id": each.id, "type": str(each.type.value), "members": [*each.members]}
            for each in world.conversations()
        ],
    }


def main():
    port, folder = int(sys.argv[1]), Path(sys.argv[2])
    provider = import_module("minutehand.adapters.providers.microsoft.provider").build()
    store_of = import_module("minutehand.adapters.store.sqlite").SqliteStore
    scenario = import_module("minutehand.domain.scenario").Scenario.model_validate(SCENARIO)
    state = import_module("minutehand.adapters.providers.microsoft.state")
    not_served = import_module("minutehand.domain.errors").NotServed
    clock = Clock()
    store = store_of(folder / "world.sqlite", "parley", clock)
    provider.seed(scenario, store)
    world = named(scenario, state.MicrosoftWorld(store))
    front = Front(provider.app(store, clock), world, not_served)
    import_module("uvicorn").run(front, host="127.0.0.1", port=port, log_level="warning")


if __name__ == "__main__":
    main()

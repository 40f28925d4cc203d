"""Build the workers' access to Teams from the settings."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aiohttp

from bots.teams.api.connector import Connector
from bots.teams.api.downloads import Bearer
from bots.teams.api.hosts import Hosts
from bots.teams.api.quotas import PERSONAL, QUOTAS
from bots.teams.api.tokens import CONNECTOR, graph_scope, tokens_for
from bots.teams.api.web import Web
from bots.teams.chat import Microsoft, TeamsChat
from bots.teams.graph.client import Graph
from bots.teams.graph.standing import Standings
from bots.teams.outbound.posted import Marks
from bots.teams.outbound.streaming import Streams
from bots.wire.addresses import connector
from bots.wire.platform import Platform
from core.ports.chat import Chat
from core.rates.budget import Budgets, ConversationBudget, LedgerStores
from core.runtime.settings import Settings, TeamsSettings
from core.values.conversation import Conversation, Kind

TIMEOUT = aiohttp.ClientTimeout(total=30, connect=5)


@asynccontextmanager
async def teams_platform(settings: Settings, ledgers: LedgerStores) -> AsyncIterator[Platform]:
    """Open Teams for workers: yields a factory of chats and budgets for conversations."""
    teams = _configured(settings)
    near = [teams.login_url, teams.graph_url, *(f"https://{each}" for each in teams.service_hosts)]
    async with aiohttp.ClientSession(connector=connector(near), timeout=TIMEOUT) as http:
        microsoft = _microsoft(teams, http)
        budgets = Budgets("teams", QUOTAS, ledgers)

        def platform(
            conversation: Conversation, extra: Mapping[str, str]
        ) -> tuple[Chat, ConversationBudget]:
            quotas = PERSONAL if conversation.kind is Kind.DIRECT else QUOTAS
            budget = budgets.of(conversation.tenant)
            chat = TeamsChat(microsoft, conversation, extra)
            return chat, budget.of(conversation.channel, quotas)

        yield platform


def _microsoft(teams: TeamsSettings, http: aiohttp.ClientSession) -> Microsoft:
    hosts = Hosts(teams.service_hosts)
    tokens, scope = tokens_for(teams, http), graph_scope(teams.graph_url)
    graph = Graph(
        teams.graph_url,
        web=Web(http, tokens, scope),
        bearer=Bearer(tokens, scope),
        http=http,
        clock=time.monotonic,
    )
    connected = Connector(Web(http, tokens, CONNECTOR), hosts)
    streams, marks = Streams(time.monotonic), Marks(time.time)
    return Microsoft(
        teams.app_id,
        connected,
        graph,
        streams,
        marks,
        tokens,
        hosts,
        http,
        Standings(connected, time.monotonic),
    )


def _configured(settings: Settings) -> TeamsSettings:
    if settings.teams is None:
        raise ValueError("Teams is not configured")
    return settings.teams

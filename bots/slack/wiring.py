"""Build the workers' access to Slack from the settings."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aiohttp

from bots.slack.api.membership import Membership
from bots.slack.api.quotas import QUOTAS
from bots.slack.api.standing import Standings
from bots.slack.api.web import People, web_client
from bots.slack.chat import SlackChat
from bots.wire.addresses import connector
from bots.wire.platform import Platform
from core.ports.chat import Chat
from core.rates.budget import Budgets, ConversationBudget, LedgerStores
from core.runtime.settings import Settings
from core.values.conversation import Conversation


@asynccontextmanager
async def slack_platform(settings: Settings, ledgers: LedgerStores) -> AsyncIterator[Platform]:
    """Open Slack for workers: yields a factory of chats and budgets for conversations."""
    slack = settings.slack
    if slack is None:
        raise ValueError("Slack is not configured")
    timeout = aiohttp.ClientTimeout(total=30, connect=5)
    near = connector([slack.api_url])
    async with aiohttp.ClientSession(connector=near, timeout=timeout) as http:
        client = web_client(slack.bot_token, slack.api_url, http)
        people = People(client)
        clock = asyncio.get_running_loop().time
        membership = Membership(client, clock)
        standings = Standings(client, clock)
        budgets = Budgets("slack", QUOTAS, ledgers)

        def platform(
            conversation: Conversation, extra: Mapping[str, str]
        ) -> tuple[Chat, ConversationBudget]:
            chat = SlackChat(
                client, conversation, people, membership, standings, extra=extra, http=http
            )
            return chat, budgets.of(conversation.tenant).of(conversation.channel)

        yield platform

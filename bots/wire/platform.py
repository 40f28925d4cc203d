"""What a worker needs from a platform: a chat and its rate budget for each conversation."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from core.ports.chat import Chat
from core.rates.budget import ConversationBudget
from core.values.conversation import Conversation

Platform = Callable[[Conversation, Mapping[str, str]], tuple[Chat, ConversationBudget]]
"""Builds the chat and the budget of a conversation; the mapping is the turn's `extra`."""

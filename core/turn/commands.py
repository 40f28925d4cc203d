"""The use case of commands: slash commands, buttons, and events that change what we keep."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace

from core.knowledge.files.file_commands import Files, hello
from core.knowledge.files.platform_changes import Shelved
from core.knowledge.files.reread import RENEW
from core.knowledge.files.undoable_erasure import Erasing
from core.people.audience import Audience, outside
from core.ports.chat import Chat, ChatError
from core.ports.history import Feedback, History
from core.ports.place_settings import PlaceSettings
from core.ports.turns import Claims, DeadTurns, Record, TurnQueue
from core.turn.continuation import Continuations
from core.turn.referred_answer import answer_of
from core.values import runs
from core.values.answer import MessageId, Option, Rendered
from core.values.conversation import Command, Incoming, Kind, loads
from core.values.models import MODELS, resolve
from core.wording import user_messages
from core.wording.catalogue import phrase

RATINGS = ("up", "down")


class Commands:
    """Carries out commands. All of them are idempotent."""

    def __init__(
        self,
        claims: Claims,
        settings: PlaceSettings,
        feedback: Feedback,
        turns: TurnQueue,
        history: History,
        *,
        dead: DeadTurns,
        files: Files | None,
        erasing: Erasing | None,
        audience: Audience,
        shelved: Shelved | None = None,
        continuations: Continuations | None = None,
        default_model: str,
    ) -> None:
        self._claims = claims
        self._settings = settings
        self._feedback = feedback
        self._turns = turns
        self._history = history
        self._dead = dead
        self._files = files
        self._shelved = shelved
        self._continuations = continuations
        self._erasing = erasing
        self._audience = audience
        self._default_model = default_model

    async def handle(self, command: Command, chat: Chat) -> Sequence[MessageId]:
        """Carry out one command, and show the result to the person who gave it only.

        Returns messages to be deleted later.
        """
        if command.name in ("joined", "restored", "left", "closed", "uninstalled"):
            if self._files is not None:
                await self._files.moved(command)
            if command.name == "joined":
                direct = command.conversation.kind is Kind.DIRECT
                greeting = hello(reads=self._files is not None, direct=direct)
                await chat.post(greeting, mark=command.event_id)
            return ()
        if command.name in ("changed", RENEW, "rehomed"):
            if self._shelved is not None:
                await self._shelved.handle(command, chat)
            return ()
        if command.name == "gone":
            return await self._gone(command, chat)
        said = await self._said(command, chat)
        if said is not None:
            await chat.post_ephemeral(command.person, said)
        return ()

    async def _said(self, command: Command, chat: Chat) -> Rendered | None:
        if command.name != "stop" and await self._audience.refuses(command.person, chat):
            return Rendered(phrase("reply.guest"))
        match command.name:
            case "model":
                return await self._model(command, chat)
            case "stop":
                return await self._stop(await self._named(command, chat))
            case "retry" | "regenerate":
                return await self._again(await self._named(command, chat), chat)
            case "feedback":
                return await self._rate(command, chat)
            case "files" | "remove" | "erase" | "undo" | "auto":
                return await self._about_files(command, chat)
            case _:
                return None

    async def _about_files(self, command: Command, chat: Chat) -> Rendered | None:
        if self._files is None or self._erasing is None:
            return Rendered(phrase("file.not_set_up"))
        match command.name:
            case "remove" | "erase" | "undo":
                return await self._erasing.handle(command, chat)
            case "auto":
                argument = f"auto {command.argument}"
                return await self._files.command(replace(command, argument=argument))
            case _:
                return await self._files.command(command)

    async def _gone(self, command: Command, chat: Chat) -> Sequence[MessageId]:
        """Erase what belongs to a deleted message or file; returns the answers to the message."""
        answers: set[MessageId] = set()
        if command.target:
            where = command.conversation
            post = f"{where.place}/{command.target}"
            record = await self._claims.read(post)
            for key in {where.key, *_histories(record)}:
                await self._history.forget(key, command.target)
            await self._dead.withdraw(post)
            answers |= {*await self._claims.withdraw(post)}
            if record is not None:
                # a worker may have posted it and died before it could record it
                with suppress(ChatError):
                    answers |= {*await chat.find(post)}
        if self._files is not None:
            await self._files.gone(command)
        return sorted(answers)

    async def _model(self, command: Command, chat: Chat) -> Rendered:
        place = command.conversation.place
        direct = command.conversation.kind is Kind.DIRECT
        wanted = command.argument.strip()
        if not wanted:
            return await self._picker(
                place, phrase("model.which_chat" if direct else "model.which_channel")
            )
        model = resolve(wanted)
        if model is None:
            return await self._picker(place, phrase("model.unknown"))
        before = await self._settings.model(place) or self._default_model
        await self._settings.choose_model(place, model.name)
        if not direct and model.name != before:
            # everybody in the channel gets different answers from now on, so everybody is told
            name = user_messages.plain(await chat.name(command.person)) or phrase("reply.somebody")
            told = phrase("model.announced", person=name, model=model.label)
            await chat.post(Rendered(told))
        chosen = phrase(
            "model.chosen_chat" if direct else "model.chosen_channel",
            model=model.label,
            good_for=user_messages.good_for(model),
        )
        return Rendered(chosen)

    async def _picker(self, place: str, heading: str) -> Rendered:
        current = await self._settings.model(place)
        if current not in MODELS:
            current = self._default_model
        options = tuple(
            Option(m.name, m.label, user_messages.described(m), m.name == current)
            for m in MODELS.values()
        )
        return Rendered(heading, options=options, picker="model")

    async def _named(self, command: Command, chat: Chat) -> Command:
        """The command with its run: by default that of the conversation's newest answer, and for
        `stop` of the newest one that has not ended."""
        if command.argument:
            return command
        running = command.name == "stop"
        record = await answer_of(command, chat, self._claims, self._history, running=running)
        run = record.event_id if record else f"{command.conversation.place}/-"
        return replace(command, argument=run)

    async def _stop(self, command: Command) -> Rendered | None:
        run = command.argument
        if not runs.belongs_to(run, command.conversation.place):
            return Rendered(phrase("reply.other_conversation"))
        if await self._claims.stop(run):
            if self._continuations is not None:
                await self._continuations.resume(run)  # to its end
            return None
        return Rendered(phrase("reply.ended"))

    async def _again(self, command: Command, chat: Chat) -> Rendered | None:
        run = command.argument
        if not runs.belongs_to(run, command.conversation.place):
            return Rendered(phrase("reply.other_conversation"))
        record = await self._claims.read(run)
        if record is None:
            return Rendered(phrase("reply.too_old"))
        if not record.completed:
            return Rendered(phrase("reply.running"))
        question = loads(record.incoming)
        if not isinstance(question, Incoming):
            return Rendered(phrase("reply.too_old"))
        if question.private and question.person.id != command.person.id:
            return Rendered(phrase("reply.other_conversation"))
        shown = tuple(str(each) for each in record.message_ids)
        if command.person.id != question.person.id and await outside(command.person, chat):
            # an outsider must not see more by retrying another person's question
            question = replace(question, person=replace(question.person, outsider=True))
        anew = replace(
            question,
            event_id=runs.next_run(run),
            replaces=shown,
            answer_so_far="",
            waited=False,
        )
        await self._turns.enqueue(anew)
        return None

    async def _rate(self, command: Command, chat: Chat) -> Rendered | None:
        """Store a rating. A platform's own thumbs name only the message, and show their thanks."""
        value, _, run = command.argument.partition(" ")
        target = command.target or ""
        if not run and target and value in RATINGS:
            known = await answer_of(command, chat, self._claims, self._history, message=target)
            run = known.event_id if known else f"{command.conversation.place}/{target}"
            await self._feedback.rate(runs.post_of(run), command.person.id, value)
            return None
        if value not in RATINGS or not runs.belongs_to(run, command.conversation.place):
            return Rendered(phrase("reply.other_conversation"))
        await self._feedback.rate(runs.post_of(run), command.person.id, value)
        return Rendered(phrase("reply.thanks_up" if value == "up" else "reply.thanks_down"))


def _histories(record: Record | None) -> Iterable[str]:
    """The history key of a claimed question, if it is known."""
    try:
        question = loads(record.incoming) if record is not None else None
    except ValueError:
        return ()
    return (question.history,) if isinstance(question, Incoming) else ()

"""Commands about messages and connections: typed text, cancel, attach, detach, rename, close."""

import hashlib
from collections.abc import Mapping
from typing import Any

from codelab_core.protocol.events import (
    ClientAttached,
    ClientDetached,
    MessageAccepted,
    MessageRetracted,
    TurnStarted,
)
from codelab_core.tools import BUILT_IN
from codelab_runtime.turn import records as rec
from codelab_runtime.turn.draft import Draft
from codelab_runtime.turn.ending import finish
from codelab_runtime.turn.state import Connection, QueuedMessage


def user_message(draft: Draft, command: Mapping[str, Any]) -> None:
    """Start a turn with the message, or let it wait for the running one."""
    message = QueuedMessage(
        command["message_id"],
        command["content"],
        command.get("delivery", "queue"),
        command.get("model"),
        command.get("at_ms", draft.now_ms),
    )
    if draft.state.turn and message.delivery == "interrupt":
        finish(draft, "interrupted")
    if draft.state.turn is None:
        start_turn(draft, message, cid=command.get("cid"))
        return
    draft.record(
        rec.Queued(
            message_id=message.message_id,
            text=message.text,
            delivery=message.delivery,
            model=message.model,
            at_ms=message.at_ms,
        )
    )
    joins = message.delivery == "steer"
    _accept(draft, message, command.get("cid"), draft.state.turn.turn_id if joins else None)


def start_turn(draft: Draft, message: QueuedMessage, *, cid: str | None = None) -> None:
    """Begin the turn of a message; one that was queued has been shown already."""
    state = draft.state
    number = state.turns + 1
    waited = any(item.message_id == message.message_id for item in state.queue)
    if not waited:
        _accept(draft, message, cid, f"t{number}")
    model = message.model or state.model or draft.rules.default_model
    draft.record(
        rec.TurnStarted(
            turn=number,
            message_id=message.message_id,
            text=message.text,
            model=model,
            at_ms=draft.now_ms,
        )
    )
    draft.emit(TurnStarted(turn_id=f"t{number}", message_id=message.message_id, model=model))


def _accept(draft: Draft, message: QueuedMessage, cid: str | None, turn_id: str | None) -> None:
    """Show what was typed to all clients."""
    draft.emit(
        MessageAccepted(
            message_id=message.message_id,
            content=message.text,
            delivery=message.delivery,
            cid=cid,
            turn_id=turn_id,
        )
    )


def cancel(draft: Draft, command: Mapping[str, Any]) -> None:
    """End the running turn, or take back a message that waits; nothing to cancel is fine."""
    message_id, turn_id = command.get("message_id"), command.get("turn_id")
    if message_id is not None:
        if any(item.message_id == message_id for item in draft.state.queue):
            draft.record(rec.Dropped(message_id=message_id))
            draft.emit(MessageRetracted(message_id=message_id, reason="cancelled"))
        return
    if draft.state.turn and turn_id in {None, draft.state.turn.turn_id}:
        finish(draft, "cancelled")


def attach(draft: Draft, command: Mapping[str, Any]) -> None:
    """A connection joined; the newest one that is no observer runs the tools."""
    tools = command.get("tools")
    if tools is None:
        tools = list(BUILT_IN if command["mode"] == "v1" else draft.rules.plain_tools)
    joined = rec.Attached(
        connection_id=command["connection_id"],
        client_id=command["client_id"],
        role=command["role"],
        mode=command["mode"],
        tools=tools,
    )
    draft.record(joined)
    draft.emit(
        ClientAttached(
            connection_id=joined.connection_id,
            client_id=joined.client_id,
            role=joined.role,
            mode=joined.mode,
            driver=_driver_id(draft),
        )
    )


def detach(draft: Draft, command: Mapping[str, Any]) -> None:
    """A connection left; unknown ones have left before."""
    left: Connection | None = draft.state.connection(command.get("connection_id"))
    if left is None:
        return
    draft.record(rec.Detached(connection_id=left.connection_id))
    draft.emit(
        ClientDetached(
            connection_id=left.connection_id,
            client_id=left.client_id,
            role=left.role,
            mode=left.mode,
            driver=_driver_id(draft),
        )
    )


def _driver_id(draft: Draft) -> str | None:
    """The connection that runs tools now."""
    driver = draft.state.driver
    return driver.connection_id if driver else None


def rename(draft: Draft, command: Mapping[str, Any]) -> None:
    """Title, description or model of the session."""
    fields = ("title", "description", "model")
    draft.record(rec.Renamed(**{name: command.get(name) for name in fields}))


def close(draft: Draft, _command: Mapping[str, Any]) -> None:
    """End the session: the running turn is cancelled, what waits is dropped."""
    for item in draft.state.queue:
        draft.record(rec.Dropped(message_id=item.message_id))
    finish(draft, "cancelled")
    draft.record(rec.SessionClosed())


def inference_id(session_id: str, turn: int, step: int, gen: int) -> str:
    """`i-` and 32 hex digits: the same for every process that asks for the same thing."""
    name = f"{session_id}/{turn}/{step}/{gen}".encode()
    return f"i-{hashlib.sha256(name).hexdigest()[:32]}"

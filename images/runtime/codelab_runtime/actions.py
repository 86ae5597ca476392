"""Carries out the effects of a step: inferences are read, calls are worked out. Facts come back."""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Protocol

from codelab_core.clock import Clock
from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.observability import SESSION_ID, TURN_ID
from codelab_core.tool_errors import ToolCode, ToolError
from codelab_runtime.inference_client import InferenceClient, Progress, Read
from codelab_runtime.metrics import Metrics
from codelab_runtime.models import Models
from codelab_runtime.placing import placed
from codelab_runtime.preparing import Preparation
from codelab_runtime.requests import inference_request
from codelab_runtime.review import reviewed
from codelab_runtime.turn.facts import (
    CallArrived,
    Chunks,
    Compute,
    Computed,
    Effect,
    Fact,
    Infer,
    InferenceEnded,
    InferenceFailed,
    InferenceLost,
    Restarted,
    Rules,
    Worked,
)
from codelab_runtime.turn.records import AskedTool
from codelab_runtime.turn.releasing import offered
from codelab_runtime.turn.state import Call, SessionState, Turn

log = logging.getLogger(__name__)


class Desk(Protocol):
    """Where facts about a session go."""

    def tell(self, fact: Fact) -> None:
        """Something happened."""

    async def room(self) -> None:
        """Return when no more than 256 KiB of text waits to be committed."""


@dataclass(slots=True)
class Actions:
    """The hands of all workers of this process; tasks belong to the application's group."""

    client: InferenceClient
    tasks: asyncio.TaskGroup
    rules: Rules
    clock: Clock
    metrics: Metrics
    models: Models

    def carry_out(
        self, effect: Effect, state: SessionState, fence: int, desk: Desk
    ) -> asyncio.Task[None] | None:
        """Start one effect; an inference's reader is returned, so that its worker can end it."""
        turn = state.turn
        match effect:
            case Infer(action="cancel"):
                self.tasks.create_task(self.client.cancel(effect.inference_id, fence))
            case Infer() if turn:
                return self.tasks.create_task(self._read(effect, state, turn, fence, desk))
            case Compute() if turn and (call := turn.call(effect.call_id)):
                self.tasks.create_task(self._work_out(effect, state, turn, call, desk))
        return None

    async def _read(
        self, effect: Infer, state: SessionState, turn: Turn, fence: int, desk: Desk
    ) -> None:
        """Read an inference to its end; every outcome becomes a fact."""
        SESSION_ID.set(state.session_id)
        TURN_ID.set(turn.turn_id)
        try:
            await self._follow(effect, state, turn, fence, desk)
        except CodelabError as error:
            desk.tell(_failure(effect.inference_id, error))
        except Exception:
            log.exception("inference reader failed")
            desk.tell(InferenceFailed(effect.inference_id, CodelabError(Code.INTERNAL).to_wire()))

    async def _follow(
        self, effect: Infer, state: SessionState, turn: Turn, fence: int, desk: Desk
    ) -> None:
        """Ask, or attach, and turn what comes into facts, no faster than they are committed."""
        model = await self.models.facts(turn.model)
        # A long history takes milliseconds to put together: not on the loop.
        request = await asyncio.to_thread(inference_request, state, turn, self.rules, model)
        usage: dict[str, int] = {}
        start = Progress(effect.start, turn.crc)
        async with aclosing(self.client.follow({**request, "fence": fence}, start)) as reads:
            async for read in reads:
                fact = _fact(effect.inference_id, read, turn, usage)
                if fact:
                    desk.tell(fact)
                    await desk.room()

    async def _work_out(
        self, effect: Compute, state: SessionState, turn: Turn, call: Call, desk: Desk
    ) -> None:
        """Work out a call in a thread: placing a patch may take a second."""
        try:
            outcome = await asyncio.to_thread(work_out, effect, state, turn, call, self.rules)
        except Exception:
            log.exception("call could not be worked out", extra={"call_id": call.call_id})
            outcome = ToolError(ToolCode.TOOL_FAILED, "The call could not be worked out.")
        desk.tell(Computed(call.call_id, outcome))


def work_out(effect: Compute, state: SessionState, turn: Turn, call: Call, rules: Rules) -> Worked:
    """What comes of a call: what is to run, to be read first, was picked; or a fault."""
    try:
        if effect.kind == "review":
            return reviewed(call, effect.given, state.files)
        asked = Preparation(
            tool=call.tool,
            arguments=call.arguments if effect.kind == "prepare" else effect.given,
            offered=offered(turn, rules.plain_tools),
            files=state.files,
            reviews=turn.reviews,
            known_diffs=state.known_diffs,
            applied=state.applied,
            failures=turn.patch_failures,
            forgiven=turn.forgiven,
            exact=bool(call.parent),
        )
        return placed(asked)
    except ToolError as error:
        return error


def _fact(inference_id: str, read: Read, turn: Turn, usage: dict[str, int]) -> Fact | None:
    """What one read of the stream means; usage is collected on the way, thinking is not shown.

    What is no fact does not count as read: a successor begins after the last text shown.
    """
    fact: Fact | None = None
    match read.kind:
        case "":
            fact = Chunks(inference_id, read.text, read.n, read.crc)
        case "tool_call":
            fact = CallArrived(inference_id, _asked(read.fields, turn))
        case "restart":
            fact = Restarted(inference_id)
        case "done":
            fact = InferenceEnded(inference_id, read.n, read.fields, usage)
        case "error":
            fact = InferenceFailed(inference_id, read.fields)
        case "usage":
            usage |= {name: n for name, n in read.fields.items() if isinstance(n, int)}
    return fact


def _asked(fields: Mapping[str, Any], turn: Turn) -> AskedTool:
    """A call of the model, with the id that every process gives it."""
    call_id = f"c{turn.number}-{turn.step}-{fields['index']}"
    return AskedTool(call_id=call_id, tool=fields["name"], arguments=fields["arguments"])


def _failure(inference_id: str, error: CodelabError) -> Fact:
    """An inference that the proxy refused: it cannot be continued, or it failed.

    A release in between may have changed the prompt: then the same step is another request.
    """
    lost = error.code is Code.CONFLICT and error.reason in {"buffer_lost", "inference_mismatch"}
    if lost or error.code is Code.INFERENCE_EXPIRED:
        return InferenceLost(inference_id)
    return InferenceFailed(inference_id, error.to_wire())

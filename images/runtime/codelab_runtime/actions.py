"""Carries out the effects of a step: inferences are read, calls are worked out. Facts come back."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from codelab_core.clock import Clock
from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.observability import SESSION_ID, TURN_ID
from codelab_core.tool_errors import ToolCode, ToolError
from codelab_runtime.inference_client import InferenceClient, Progress, Read
from codelab_runtime.metrics import Metrics
from codelab_runtime.preparing import Preparation, prepared
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

Tell = Callable[[Fact], None]

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Actions:
    """The hands of all workers of this process; tasks belong to the application's group."""

    client: InferenceClient
    tasks: asyncio.TaskGroup
    rules: Rules
    clock: Clock
    metrics: Metrics
    families: dict[str, str] = field(default_factory=dict)

    def carry_out(
        self, effect: Effect, state: SessionState, fence: int, tell: Tell
    ) -> asyncio.Task[None] | None:
        """Start one effect; an inference's reader is returned, so that its worker can end it."""
        turn = state.turn
        match effect:
            case Infer(action="cancel"):
                self.tasks.create_task(self.client.cancel(effect.inference_id, fence))
            case Infer() if turn:
                return self.tasks.create_task(self._read(effect, state, turn, tell))
            case Compute() if turn and (call := turn.call(effect.call_id)):
                self.tasks.create_task(self._work_out(effect, state, call, tell))
        return None

    async def _read(self, effect: Infer, state: SessionState, turn: Turn, tell: Tell) -> None:
        """Read an inference to its end; every outcome becomes a fact."""
        SESSION_ID.set(state.session_id)
        TURN_ID.set(turn.turn_id)
        began = self.clock.monotonic()
        self.metrics.inferences.inc()
        await self._learn_families()
        request = inference_request(state, turn, self.rules, self.families)
        usage: dict[str, int] = {}
        try:
            async for read in self.client.follow(request, Progress(effect.start, turn.crc)):
                tell(_fact(effect.inference_id, read, turn, usage))
        except CodelabError as error:
            tell(_failure(effect.inference_id, error))
        except Exception:
            log.exception("inference reader failed")
            tell(InferenceFailed(effect.inference_id, CodelabError(Code.INTERNAL).to_wire()))
        finally:
            self.metrics.inference_seconds.observe(self.clock.monotonic() - began)

    async def _learn_families(self) -> None:
        """Ask the proxy once which family each model is of; without an answer, none is known."""
        if self.families:
            return
        try:
            models = await self.client.get("/llm/models")
        except CodelabError:
            return
        self.families |= {model["id"]: model["family"] for model in models}

    async def _work_out(self, effect: Compute, state: SessionState, call: Call, tell: Tell) -> None:
        """Work out a call in a thread: placing a patch may take a second."""
        try:
            outcome = await asyncio.to_thread(work_out, effect, state, call, self.rules)
        except Exception:
            log.exception("call could not be worked out", extra={"call_id": call.call_id})
            outcome = ToolError(ToolCode.TOOL_FAILED, "The call could not be worked out.")
        tell(Computed(call.call_id, outcome))


def work_out(effect: Compute, state: SessionState, call: Call, rules: Rules) -> Worked:
    """What comes of a call: what is to run, to be read first, was picked; or a fault."""
    try:
        if effect.kind == "review":
            return reviewed(call, effect.given, state.files)
        arguments = call.arguments if effect.kind == "prepare" else effect.given
        return prepared(_preparation(state, call, arguments, rules))
    except ToolError as error:
        return error


def _preparation(
    state: SessionState, call: Call, arguments: Mapping[str, Any], rules: Rules
) -> Preparation:
    """What preparing a call needs to know of its session."""
    turn = state.turn
    return Preparation(
        tool=call.tool,
        arguments=arguments,
        offered=offered(state, rules.plain_tools),
        files=state.files,
        reviews=turn.reviews if turn else {},
        known_diffs=state.known_diffs,
        applied=state.applied,
        failures=turn.patch_failures if turn else {},
    )


def _fact(inference_id: str, read: Read, turn: Turn, usage: dict[str, int]) -> Fact:
    """What one read of the stream means; usage is collected on the way."""
    fact: Fact = Chunks(inference_id, read.text, read.n, read.crc)
    match read.kind:
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
    """An inference that the proxy refused: its record is gone, or it failed."""
    gone = error.code is Code.INFERENCE_EXPIRED
    if gone or (error.code is Code.CONFLICT and error.reason == "buffer_lost"):
        return InferenceLost(inference_id)
    return InferenceFailed(inference_id, error.to_wire())

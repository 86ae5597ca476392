from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any, cast

import anyio
import pytest
from prometheus_client import CollectorRegistry

from codelab_core.clock import SYSTEM_CLOCK
from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.server import cancelled_at_end
from codelab_core.tool_errors import ToolCode, ToolError
from codelab_runtime.actions import Actions, work_out
from codelab_runtime.files import learn_write
from codelab_runtime.inference_client import Progress, Read
from codelab_runtime.metrics import Metrics
from codelab_runtime.models import Models
from codelab_runtime.preparing import Prepared
from codelab_runtime.turn import facts
from codelab_runtime.turn.facts import Compute, Fact, Infer, Rules
from codelab_runtime.turn.records import AskedTool
from codelab_runtime.turn.state import Call, SessionState, Turn

TURN = Turn(1, "u1", "hi", "default", 5, step=1, inference_id="i-1", crc=9)
STATE = SessionState("s1", principal="ann", turn=TURN)
DONE = {"finish_reason": "stop"}


@dataclass
class Desk:
    """Keeps the facts."""

    told: list[Fact] = field(default_factory=list)

    def tell(self, fact: Fact) -> None:
        self.told.append(fact)

    async def room(self) -> None:
        """There always is."""


@dataclass
class Client:
    """A proxy that streams what it was given, then fails as told."""

    reads: list[Read] = field(default_factory=list)
    error: Exception | None = None
    asked: list[Any] = field(default_factory=list)
    cancelled: list[tuple[str, int]] = field(default_factory=list)

    async def follow(self, request: dict[str, Any], start: Progress) -> AsyncIterator[Read]:
        self.asked.append((request["inference_id"], request["fence"], start))
        for read in self.reads:
            yield read
        if self.error:
            raise self.error

    async def get(self, _path: str) -> Any:
        raise CodelabError(Code.UNAVAILABLE, "proxy")

    async def cancel(self, inference_id: str, fence: int) -> None:
        self.cancelled.append((inference_id, fence))


async def told(client: Client, effect: Any, state: SessionState = STATE) -> list[Fact]:
    """The facts that come of an effect."""
    desk = Desk()
    async with cancelled_at_end() as tasks:
        actions = Actions(
            cast("Any", client),
            tasks,
            Rules(plain_tools=("read_file",)),
            SYSTEM_CLOCK,
            Metrics(CollectorRegistry()),
            Models(lambda: client.get("/llm/models"), SYSTEM_CLOCK),
        )
        started = actions.carry_out(effect, state, 7, desk)
        with anyio.fail_after(20):
            while not desk.told and not client.cancelled:  # noqa: ASYNC110 -- tasks of others
                await anyio.sleep(0.005)
            if started:
                await started
    return desk.told


async def test_a_stream_becomes_facts() -> None:
    call = {"index": 0, "name": "read_file", "arguments": {"path": "a"}}
    client = Client(
        [
            Read(1, 11, text="Hel"),
            Read(2, 12, kind="thinking", fields={"text": "x"}),
            Read(3, 13, kind="tool_call", fields=call),
            Read(4, 14, kind="restart"),
            Read(5, 15, kind="usage", fields={"prompt_tokens": 3, "source": "provider"}),
            Read(6, 16, kind="done", fields=DONE),
        ]
    )

    found = await told(client, Infer("open", "i-1", 4))

    asked = AskedTool(call_id="c1-1-0", tool="read_file", arguments={"path": "a"})
    assert client.asked == [("i-1", 7, Progress(4, 9))]
    assert found == [
        facts.Chunks("i-1", "Hel", 1, 11),
        facts.CallArrived("i-1", asked),
        facts.Restarted("i-1"),
        facts.InferenceEnded("i-1", 6, DONE, {"prompt_tokens": 3}),
    ]


@pytest.mark.parametrize(
    ("error", "fact"),
    [
        (CodelabError(Code.CONFLICT, "buffer_lost"), facts.InferenceLost("i-1")),
        (CodelabError(Code.CONFLICT, "inference_mismatch"), facts.InferenceLost("i-1")),
        (CodelabError(Code.INFERENCE_EXPIRED), facts.InferenceLost("i-1")),
        (
            CodelabError(Code.QUOTA_EXCEEDED, "quota"),
            facts.InferenceFailed("i-1", CodelabError(Code.QUOTA_EXCEEDED, "quota").to_wire()),
        ),
        (
            ValueError("a bug"),
            facts.InferenceFailed("i-1", CodelabError(Code.INTERNAL).to_wire()),
        ),
    ],
)
async def test_every_failure_is_a_fact(error: Exception, fact: Fact) -> None:
    assert await told(Client(error=error), Infer("open", "i-1")) == [fact]


async def test_an_error_event_fails_the_inference() -> None:
    client = Client([Read(1, 1, kind="error", fields={"code": "PROVIDER_ERROR"})])

    assert await told(client, Infer("open", "i-1")) == [
        facts.InferenceFailed("i-1", {"code": "PROVIDER_ERROR"})
    ]


async def test_a_cancel_carries_the_fence() -> None:
    client = Client()

    await told(client, Infer("cancel", "i-0"), replace(STATE, turn=None))

    assert client.cancelled == [("i-0", 7)]


@pytest.mark.parametrize(("tool", "outcome"), [("read_file", Prepared), ("unknown", ToolError)])
async def test_a_call_is_worked_out(tool: str, outcome: type[Any]) -> None:
    call = Call("c1-1-0", tool, {"path": "a"})
    state = replace(STATE, turn=replace(TURN, calls=(call,)))

    (fact,) = await told(Client(), Compute("c1-1-0", "prepare"), state)

    assert isinstance(fact, facts.Computed)
    assert fact.call_id == "c1-1-0"
    assert isinstance(fact.outcome, outcome)


async def test_an_answer_that_breaks_us_is_a_fault_of_the_call() -> None:
    review = Call("c1-1-0", "apply_patch_review", {"diff": "?"}, guard={"files": [{}]})
    state = replace(STATE, turn=replace(TURN, calls=(review,)))

    (fact,) = await told(Client(), Compute("c1-1-0", "review", {"hunks": []}), state)

    assert isinstance(fact, facts.Computed)
    assert isinstance(fact.outcome, ToolError)
    assert fact.outcome.code is ToolCode.TOOL_FAILED


@pytest.mark.parametrize(("parent", "content"), [("", "x\r\n"), ("c1-1-0", "x\n")])
def test_what_a_patch_makes_of_a_file_is_written_as_it_is(parent: str, content: str) -> None:
    """The model's own text gets the line ends of the file that it replaces."""
    call = Call("c", "write_file", {"path": "a", "content": "x\n"}, parent=parent)
    state = replace(STATE, files=learn_write({}, "a", b"y\r\n"))
    rules = Rules(plain_tools=("read_file", "write_file"))

    made = work_out(Compute("c", "prepare"), state, TURN, call, rules)

    assert isinstance(made, Prepared)
    assert made.arguments["content"] == content

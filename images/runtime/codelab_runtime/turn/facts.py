"""What can happen to a session, and what is to be done about it: inputs and outputs of `step`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from codelab_core.approval_rules import ApprovalRule
from codelab_core.tool_errors import ToolError
from codelab_runtime.preparing import NeedsRead, Prepared, Reviewed, Split
from codelab_runtime.turn.records import AskedTool

Worked = Prepared | NeedsRead | Reviewed | Split | ToolError
"""What comes out of working out a call."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings that decide; times in milliseconds, 0 means no limit."""

    default_model: str = "default"
    max_steps: int = 50
    file_tool_timeout_ms: int = 60_000
    question_timeout_ms: int = 86_400_000
    max_tool_output_bytes: int = 65_536
    plain_tools: tuple[str, ...] = ()
    approvals: tuple[ApprovalRule, ...] = ()


@dataclass(frozen=True, slots=True)
class Accepted:
    """Entry `n` of the inbox; `late`: the answer to a call that had already ended."""

    n: int
    command: Mapping[str, Any]
    late: bool = False


@dataclass(frozen=True, slots=True)
class Chunks:
    """Text of the running inference; `n` chunks of it are read now, `crc` is that of their data."""

    inference_id: str
    text: str
    n: int
    crc: int


@dataclass(frozen=True, slots=True)
class CallArrived:
    """A whole tool call of the running inference."""

    inference_id: str
    call: AskedTool


@dataclass(frozen=True, slots=True)
class Restarted:
    """Everything of this inference before is void; it goes on from its start."""

    inference_id: str


@dataclass(frozen=True, slots=True)
class InferenceEnded:
    """The answer is whole; `done` and `usage` as the LLM proxy sent them."""

    inference_id: str
    chunks: int
    done: Mapping[str, Any]
    usage: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class InferenceLost:
    """The record of the running inference is gone: what was shown cannot be continued."""

    inference_id: str


@dataclass(frozen=True, slots=True)
class InferenceFailed:
    """The inference ended with an error of docs/protocol.md, as on the wire."""

    inference_id: str
    error: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Computed:
    """What was worked out for a call beside the loop."""

    call_id: str
    outcome: Worked


@dataclass(frozen=True, slots=True)
class TimerFired:
    """A deadline may have passed."""


@dataclass(frozen=True, slots=True)
class Resumed:
    """A worker took the session; `shown` is the text in the log of the unfinished answer.

    `poisoned`: too many workers died here without progress. `principal` owns the session.
    """

    principal: str = ""
    shown: str = ""
    chunks: int = 0
    crc: int = 0
    poisoned: bool = False


Fact = (
    Accepted
    | Chunks
    | CallArrived
    | Restarted
    | InferenceEnded
    | InferenceFailed
    | InferenceLost
    | Computed
    | TimerFired
    | Resumed
)


@dataclass(frozen=True, slots=True)
class Infer:
    """Open the inference of the state's turn (or attach to it at chunk `start`), or cancel it."""

    action: Literal["open", "cancel"]
    inference_id: str
    start: int = 0


@dataclass(frozen=True, slots=True)
class Compute:
    """Work out a call beside the loop; the answer comes back as `Computed`.

    `prepare`: what is really to run. `review`: what the person picked (`given`). `edit`: as
    prepare, with the arguments that the person gave.
    """

    call_id: str
    kind: Literal["prepare", "review", "edit"]
    given: Mapping[str, Any] = field(default_factory=dict)


Effect = Infer | Compute

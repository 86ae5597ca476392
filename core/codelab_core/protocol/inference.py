"""The hop between runtime and LLM proxy: the neutral request and the chunks of its answer.

A chunk is one SSE event with the id `<inference_id>:<n>`, n contiguous from 0 over recorded events.
"""

from typing import Annotated, Any, Final, Literal

from pydantic import Field, JsonValue

from codelab_core.breaker import BreakerState
from codelab_core.protocol.frames import Incoming, Outgoing

TOKEN: Final = b"token"
THINKING: Final = b"thinking"
TOOL_CALL: Final = b"tool_call"
TOOL_PROGRESS: Final = b"tool_progress"
RESTART: Final = b"restart"
USAGE: Final = b"usage"
DONE: Final = b"done"
ERROR: Final = b"error"

InferenceId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class OfferedTool(Incoming):
    """A tool as the model sees it; `parameters` is a JSON Schema."""

    name: str
    description: str = ""
    parameters: dict[str, JsonValue] = {}


class AskedCall(Incoming):
    """A tool call in the history of a request."""

    call_id: str
    name: str
    arguments: dict[str, JsonValue]


class NeutralMessage(Incoming):
    """One message of the history. `provider_state` is opaque and goes back unchanged."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str = ""
    tool_calls: list[AskedCall] = []
    call_id: str | None = None
    provider_state: str | None = None


class InferenceRequest(Incoming):
    """`POST /llm/stream` and `/llm/chat`: create the inference, or attach to it by its id.

    `from_chunk` (wire: `from`) is the first chunk wanted. `crc` (CRC-32 of the data of all chunks
    before it), `fence` and `shown` (text already shown) serve the take-over after a crash.
    """

    inference_id: InferenceId | None = None
    model: Annotated[str, Field(min_length=1, max_length=128)] = "default"
    messages: Annotated[list[NeutralMessage], Field(min_length=1, max_length=10_000)]
    tools: Annotated[list[OfferedTool], Field(max_length=512)] = []
    tool_choice: str = "auto"
    parallel_tool_calls: bool = True
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    temperature: float | int | None = None
    stop: list[str] = []
    deadline_ms: Annotated[int, Field(ge=1)] = 600_000
    metadata: dict[str, JsonValue] = {}
    from_chunk: Annotated[int, Field(ge=0, alias="from")] = 0
    crc: int | None = None
    fence: int | None = None
    shown: str | None = None


class Token(Outgoing):
    """A piece of the answer's text; never empty."""

    token: str


class Thinking(Outgoing):
    """A piece of the model's reasoning; a reader may ignore it."""

    text: str


class WholeCall(Outgoing):
    """A tool call that is complete, closed by the provider and valid; `index` is dense from 0."""

    index: int
    name: str
    arguments: dict[str, JsonValue]


class Restart(Outgoing):
    """Everything before is void: the same answer is given anew, from its start."""

    reason: str


class Usage(Outgoing):
    """Tokens as the provider reported them; unknown stays absent, not 0."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    source: Literal["provider", "estimated"] = "provider"


class Done(Outgoing):
    """The answer is whole. `attempts` are the calls it took; `model` and `provider` answered.

    `salvaged`: it broke off, whole calls of it stand; `dropped_calls` of it were not whole.
    """

    finish_reason: Literal["stop", "tool_calls", "length", "content_filter", "cancelled"]
    model: str
    provider: str
    provider_state: str | None = None
    attempts: list[dict[str, Any]] = []
    rescue: str | None = None
    salvaged: bool | None = None
    dropped_calls: int | None = None
    warnings: list[str] = []


class InferenceError(Outgoing):
    """The inference failed; `fault` says who, `billed` what it cost.

    It is the first failure of a provider; `attempts` lists all calls that were made.
    """

    code: str
    class_: Annotated[str | None, Field(alias="class")] = None
    message: str
    retryable: bool
    retry_after_ms: int | None = None
    fault: Literal["caller", "key", "provider", "proxy"] = "proxy"
    billed: Literal["yes", "no", "unknown"] = "unknown"
    attempts: list[dict[str, Any]] | None = None


class ModelInfo(Outgoing):
    """One model, or alias of one, that can be asked for."""

    id: str
    name: str
    provider: str
    family: str
    context_length: int
    max_tokens: int
    supports_tools: bool = True
    is_available: bool = True


class TargetView(Outgoing):
    """How one model of a provider is doing, as this process sees it.

    `half_open`: the next call tries whether it is well again. `last_error` is the class of the last
    failure, absent after a whole answer.
    """

    model: str
    breaker: BreakerState
    in_flight: int
    last_error: str | None = None


class ProviderView(Outgoing):
    """One provider as the proxy lists it; never a key, never an address."""

    name: str
    kind: str
    models: int
    targets: list[TargetView]


class InferenceView(Outgoing):
    """Where one inference stands; `head` is the index of the next chunk."""

    inference_id: str
    state: str
    head: int
    model: str
    provider: str
    usage: dict[str, JsonValue]


class ChatMessage(Outgoing):
    """The whole answer of a model."""

    role: Literal["assistant"] = "assistant"
    content: str
    tool_calls: list[WholeCall]
    provider_state: str | None = None


class ChatAnswer(Outgoing):
    """Answer to `POST /llm/chat`."""

    inference_id: str
    message: ChatMessage
    finish_reason: str
    usage: dict[str, JsonValue]
    model: str
    provider: str

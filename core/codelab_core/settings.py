"""One frozen settings class per service: every field is settable as `CODELAB_<FIELD>`.

The environment is a contract: compose, the operator and `codelab up` render it from these classes.
This is the only module that reads it. Times end in `_s` or `_ms`, sizes in `_bytes`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

import orjson
from pydantic import BaseModel, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings import SettingsError as SourceError

from codelab_core.approval_rules import ApprovalRule
from codelab_core.protocol.frames import MAX_FRAME_BYTES
from codelab_core.provider_settings import ProviderFields
from codelab_core.settings_marks import Offered
from codelab_core.store_settings import StoreFields

ENV_PREFIX = "CODELAB_"
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})


class SettingsError(Exception):
    """The environment holds values that cannot be used; the text names each variable."""


class ServiceSettings(BaseSettings):
    """What all three services share."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        frozen=True,
        extra="ignore",
        use_attribute_docstrings=True,
        populate_by_name=True,
    )
    service: ClassVar[str]
    """Name in `/health`, logs and compose."""
    is_internal: ClassVar[bool] = False
    """Only our own services call it: whoever reaches it and is not asked for a key is trusted."""

    host: str = "127.0.0.1"
    """Address to listen on; containers set 0.0.0.0."""
    port: Annotated[int, Field(ge=0, le=65535)] = 0
    """TCP port; 0 takes a free one."""
    internal_token_file: Path | None = None
    """File of the keys between services: current on the first line, previous below."""
    allow_sample_key: bool = False
    """Accept the published sample key; for compose on one machine only."""
    embedded: bool = False
    """All services live in one process on this machine."""
    drain_s: Annotated[float, Field(ge=0, le=3600)] = 25.0
    """Longest time for live work to end after SIGTERM."""
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], Offered()] = "INFO"
    """Least severe level that is logged."""

    @classmethod
    def load(cls, **fields: Any) -> Self:
        """Read the environment; `fields` win over it.

        Raises `SettingsError` with one line per variable that is missing or not valid.
        """
        try:
            return cls(**fields)
        except ValidationError as error:
            lines = [f"{_variable(fault['loc'])}: {fault['msg']}" for fault in error.errors()]
            raise SettingsError("\n".join(lines)) from None
        except SourceError as error:  # a variable that is to hold JSON does not
            raise SettingsError(str(error)) from None

    @classmethod
    def exactly(cls, **fields: Any) -> Self:
        """Settings of these fields alone; the environment of this process is not read.

        For whoever renders the environment of another process. Raises pydantic's `ValidationError`
        for a value that does not fit, `TypeError` for a field that does not exist.
        """
        unknown = sorted(fields.keys() - cls.model_fields.keys())
        if unknown:
            raise TypeError(f"{cls.__name__} has no field {', '.join(unknown)}")
        settings = cls.__new__(cls)
        BaseModel.__init__(settings, **fields)
        return settings

    def to_env(self) -> Mapping[str, str]:
        """The variables that make these settings again; fields that nobody set are left out.

        A field that was set to its default is there: another release may have another default.
        """
        fields = self.model_dump(mode="json", exclude_unset=True, exclude_none=True)
        return {f"{ENV_PREFIX}{name.upper()}": _env_text(fields[name]) for name in sorted(fields)}


def _variable(location: tuple[int | str, ...]) -> str:
    """The name of the variable that a validation fault is about."""
    return ENV_PREFIX + str(location[0]).upper() if location else "settings"


def _env_text(value: Any) -> str:
    """One value as the environment holds it."""
    if isinstance(value, bool):
        return str(value).lower()
    return orjson.dumps(value).decode() if isinstance(value, list) else str(value)


class GatewaySettings(ServiceSettings):
    """The gateway: client connections."""

    service: ClassVar[str] = "gateway"

    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    runtime_url: str = "http://127.0.0.1:8001"
    """Where the runtime is; the name may stand for several pods."""
    auth_mode: Literal["token", "jwt", "token,jwt", "dev"] = "token"
    """How clients prove who they are; `dev` asks nothing and is for one machine only."""
    tokens_file: Path | None = None
    """Lines `sha256(token) principal`."""
    jwt_secret_file: Path | None = None
    """Shared secret of HS256 tokens."""
    jwt_jwks_url: str | None = None
    """Where the public keys of RS256 and ES256 tokens are."""
    jwt_issuer: str | None = None
    """Required `iss` claim."""
    jwt_audience: str | None = None
    """Required `aud` claim."""
    principal_claim: str = "sub"
    """Claim that names the caller."""
    allowed_origins: str = ""
    """Comma-separated web origins that may connect."""
    trusted_proxies: Annotated[str, Field(max_length=1024), Offered()] = ""
    """Comma-separated addresses or networks whose `X-Forwarded-For` names the client."""
    allow_query_token: bool = False
    """Accept `?token=`; addresses end up in logs of others, so off by default."""
    plain_wait_ms: Annotated[int, Field(ge=0, le=10_000)] = 500
    """A client that stays silent this long is a plain one."""
    plain_stream: Literal["auto", "token", "turn"] = "auto"
    """How plain clients get text; `auto`: by the path they use."""
    hello_timeout_s: Annotated[float, Field(gt=0, le=60)] = 10.0
    """Longest wait for `hello` after the subprotocol was agreed."""
    max_frame_bytes: Annotated[int, Field(ge=1024, le=16 * MAX_FRAME_BYTES), Offered()] = (
        MAX_FRAME_BYTES
    )
    """Largest frame in both directions."""
    max_user_message_chars: Annotated[int, Field(ge=1), Offered()] = 10_000
    """Longest user message."""
    max_feedback_chars: Annotated[int, Field(ge=1), Offered()] = 4_000
    """Longest feedback of a decision."""
    max_json_depth: Annotated[int, Field(ge=8, le=512), Offered()] = 64
    """Deepest nesting of a frame."""
    max_bad_frames: Annotated[int, Field(ge=1), Offered()] = 10
    """Malformed frames within 60 s before the socket is closed."""
    max_connections: Annotated[int, Field(ge=1), Offered()] = 2_000
    """Sockets of this process."""
    max_connections_per_principal: Annotated[int, Field(ge=1), Offered()] = 200
    """Sockets of one caller on this process."""
    connect_rate: Annotated[float, Field(gt=0), Offered()] = 20.0
    """New sockets per second and caller; the burst is ten times this."""
    message_rate: Annotated[float, Field(gt=0), Offered()] = 20.0
    """User messages per second and caller; the burst is five times this."""
    command_rate: Annotated[float, Field(gt=0), Offered()] = 20.0
    """Other commands per second and socket; the burst is five times this."""
    inbound_bytes_rate: Annotated[int, Field(ge=1024), Offered()] = 4 * 1_048_576
    """Bytes per second and socket; the burst is four times this."""
    outbound_queue_frames: Annotated[int, Field(ge=1), Offered()] = 1_024
    """Frames waiting for one socket before it counts as a slow consumer."""
    outbound_queue_bytes: Annotated[int, Field(ge=1024), Offered()] = 4 * 1_048_576
    """Bytes waiting for one socket before it counts as a slow consumer."""
    ping_interval_s: Annotated[float, Field(gt=0)] = 15.0
    """Time between WebSocket pings."""
    ping_timeout_s: Annotated[float, Field(gt=0)] = 10.0
    """Longest wait for a pong."""

    @model_validator(mode="after")
    def _dev_stays_at_home(self) -> Self:
        """`dev` asks nobody who they are: only inside one machine."""
        if self.auth_mode == "dev" and not (self.embedded and self.host in LOOPBACK_HOSTS):
            raise ValueError("auth_mode dev needs CODELAB_EMBEDDED=true and a loopback host")
        return self


class RuntimeSettings(ServiceSettings, StoreFields):
    """The runtime: sessions, turns, tools."""

    service: ClassVar[str] = "agent-runtime"
    is_internal: ClassVar[bool] = True

    port: Annotated[int, Field(ge=0, le=65535)] = 8001
    llmproxy_url: str = "http://127.0.0.1:8002"
    """Where the LLM proxy is."""
    state_dir: Path | None = None
    """Folder of the embedded server; absent: a temporary one."""
    session_ttl_s: Annotated[int, Field(ge=3600, le=90 * 86400), Offered()] = 604_800
    """Life of an idle session."""
    max_turns: Annotated[int, Field(ge=1), Offered()] = 500
    """Turns that this process runs at once."""
    max_queued_messages: Annotated[int, Field(ge=1)] = 16
    """User messages of one session that wait for their turn."""
    max_steps: Annotated[int, Field(ge=1)] = 50
    """Inferences of one turn."""
    lease_ms: Annotated[int, Field(ge=1500, le=15_000), Offered()] = 3_000
    """Life of the right to drive a session; renewed three times as often."""
    file_tool_timeout_ms: Annotated[int, Field(ge=0)] = 60_000
    """Longest run of a file tool; 0: none."""
    question_timeout_ms: Annotated[int, Field(ge=0)] = 86_400_000
    """Longest wait for a person; 0: none."""
    park_after_s: Annotated[float, Field(gt=0)] = 30.0
    """A turn that only waits for a person lets go of its session after this time."""
    max_tool_output_bytes: Annotated[int, Field(ge=1024)] = 65_536
    """Longest tool result that the model is shown."""
    approval_rules: Annotated[list[ApprovalRule], Field(max_length=64), Offered()] = []
    """Which tool calls need a person, as a JSON list; the first that fits counts."""
    plain_tools: str = "read_file,write_file,git.diff,apply_patch,apply_patch_review,prompt_user"
    """Tools of clients that declare none."""
    default_model: str = "default"
    """Model of sessions that name none."""


class LLMProxySettings(ServiceSettings, StoreFields, ProviderFields):
    """The LLM proxy: providers and inferences."""

    service: ClassVar[str] = "llm-proxy"
    is_internal: ClassVar[bool] = True

    port: Annotated[int, Field(ge=0, le=65535)] = 8002
    client_keys_file: Path | None = None
    """Keys of outside tools; opens the dialect lanes."""
    replicas_hint: Annotated[int, Field(ge=1)] = 1
    """About how many processes share a quota; each takes its part when the store is away."""
    max_body_bytes: Annotated[int, Field(ge=1024), Offered()] = 10 * 1_048_576
    """Largest request."""
    max_live: Annotated[int, Field(ge=1)] = 1_024
    """Inferences that run at once."""
    orphan_s: Annotated[float, Field(gt=0)] = 60.0
    """Time after which an inference that nobody reads is cancelled."""
    keep_s: Annotated[float, Field(gt=0)] = 900.0
    """Time that the record of an ended inference is kept."""
    scenario_dir: Path | None = None
    """Folder of scenarios for the scripted provider."""
    scripted_time_scale: Annotated[float, Field(ge=0)] = 1.0
    """Factor on the pace and the delays of the scripted provider; 0: none."""

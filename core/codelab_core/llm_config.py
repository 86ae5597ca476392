"""The configuration file of the LLM proxy as types: providers, routes, quotas. Pure.

The proxy reads the file, the operator writes it; both by these types. A fault is told with its path
in the document, never with a value: a value may be a key that somebody put in the wrong place.
"""

import re
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from codelab_core.llm_names import Problem, reference_problems

_SECRET: Final = re.compile(r"file:/[^\0]{1,1023}|env:[A-Za-z_][A-Za-z0-9_]{0,127}")


def _secret_ref(text: str) -> str:
    """Accept a reference; a secret itself has no place in the file."""
    if not _SECRET.fullmatch(text):
        raise ValueError("a secret is file:/path or env:NAME")
    return text


Kind = Literal["openai-compatible", "anthropic", "ollama", "scripted"]
Name = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$")]
ModelId = Annotated[str, Field(pattern=r"^[!-~]{1,128}$")]
SecretRef = Annotated[str, AfterValidator(_secret_ref)]
Weight = Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]

ANTHROPIC_URL: Final = "https://api.anthropic.com"
_NEEDS_URL: Final = frozenset({"openai-compatible", "ollama"})
_NEEDS_KEYS: Final = frozenset({"openai-compatible", "anthropic"})
_TEXTS: Final = {"extra_forbidden": "there is no such field", "missing": "this is missing"}


class Part(BaseModel):
    """A part of the file: nothing unknown in it, every value of its own type."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class KeyConfig(Part):
    """One key of a provider; `secret` says where it is: `file:/path` or `env:NAME`."""

    id: Name
    secret: SecretRef
    weight: Weight = 1.0


class ClocksConfig(Part):
    """Longest waits for one call, in seconds; what is not given is left to the proxy."""

    connect_s: Seconds | None = None
    headers_s: Seconds | None = None
    first_content_s: Seconds | None = None
    idle_s: Seconds | None = None


class ModelConfig(Part):
    """One model of a provider; what is not given is taken from the proxy's list of known models."""

    id: ModelId
    context_window: Count | None = None
    """Tokens of request and answer together."""
    max_output: Count | None = None
    """Tokens of one answer at most."""
    default_max_tokens: Count | None = None
    """Limit of an answer whose caller gave none, where the dialect needs one."""
    prefill: bool = False
    """Goes on with an answer that the request begins."""
    thinking: bool = False
    """Is asked to show its reasoning; signed blocks go back to it with the history."""
    tools: bool = True
    """Can call tools."""
    reasoning: bool = False
    """Thinks before it answers: is waited for longer, takes no temperature."""
    parallel_tool_calls: bool = True
    """Takes the field of this name."""
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh"] | None = None
    """Value of the field of this name; absent: the field is not sent."""
    clocks: ClocksConfig = ClocksConfig()

    @model_validator(mode="after")
    def _answers_fit(self) -> "ModelConfig":
        """The default limit is one that the model allows."""
        if self.max_output and (self.default_max_tokens or 0) > self.max_output:
            raise ValueError("default_max_tokens is larger than max_output")
        return self


class ProviderConfig(Part):
    """A company or server that serves models, at one address, in one dialect."""

    name: Name
    kind: Kind
    allow_private: bool = False
    """The address may be private or of this machine, and without TLS."""
    base_url: Annotated[str | None, Field(max_length=512, validate_default=True)] = None
    max_concurrent: Count = 200
    """Calls that run at once."""
    keys: Annotated[list[KeyConfig], Field(max_length=8, validate_default=True)] = []
    models: Annotated[list[ModelConfig], Field(max_length=64, validate_default=True)] = []

    @field_validator("base_url")
    @classmethod
    def _can_be_called(cls, url: str | None, info: ValidationInfo) -> str | None:
        """An address fits its kind, and says nothing but where to go."""
        kind = info.data.get("kind")
        if kind == "scripted" and url is not None:
            raise ValueError("the scripted provider has no address")
        if url is None:
            if kind in _NEEDS_URL:
                raise ValueError(f"a provider of kind {kind} needs a base_url")
            return ANTHROPIC_URL if kind == "anthropic" else None
        check_url(url, allow_private=bool(info.data.get("allow_private")))
        return url.rstrip("/")

    @field_validator("keys")
    @classmethod
    def _may_call(cls, keys: list[KeyConfig], info: ValidationInfo) -> list[KeyConfig]:
        """A server of one's own may ask for no key, a company never does."""
        kind = info.data.get("kind")
        if kind == "scripted" and keys:
            raise ValueError("the scripted provider has no keys")
        if not keys and kind in _NEEDS_KEYS and not info.data.get("allow_private"):
            raise ValueError(f"a provider of kind {kind} needs keys, unless it is allow_private")
        return keys

    @field_validator("models")
    @classmethod
    def _serves(cls, models: list[ModelConfig], info: ValidationInfo) -> list[ModelConfig]:
        """Models are listed, but for the scripted ones, which are built in."""
        is_scripted = info.data.get("kind") == "scripted"
        if is_scripted and models:
            raise ValueError("the models of the scripted provider are built in")
        if not is_scripted and not models:
            raise ValueError("a provider needs models")
        return models


class TargetConfig(Part):
    """One model of one provider; lower `priority` first, `weight` among equals."""

    provider: Name
    model: ModelId
    priority: Annotated[int, Field(ge=0, le=100)] = 0
    weight: Weight = 1.0


class RouteConfig(Part):
    """Where the inferences of one name go; `larger_context` is for what is too long for it."""

    targets: Annotated[list[TargetConfig], Field(min_length=1, max_length=8)]
    larger_context: Annotated[list[TargetConfig], Field(max_length=8)] = []
    rescue: list[Literal["continue", "align", "restart"]] = ["continue", "align", "restart"]
    hold_tool_calls: bool = False
    clocks: ClocksConfig = ClocksConfig()


class QuotaConfig(Part):
    """The allowance of one caller; what is not given is not limited."""

    requests_per_min: Count | None = None
    tokens_per_min: Count | None = None
    tokens_per_day: Count | None = None
    live_streams: Count | None = None
    on_redis_loss: Literal["open", "closed"] = "open"


class CacheConfig(Part):
    """The cache of whole answers."""

    enabled: bool = False
    ttl_s: Annotated[int, Field(ge=1, le=86_400)] = 300


class LLMConfig(Part):
    """The whole file."""

    version: Literal[1]
    providers: Annotated[list[ProviderConfig], Field(min_length=1, max_length=16)]
    aliases: Annotated[dict[ModelId, ModelId], Field(max_length=64)] = {}
    routes: Annotated[dict[Name, RouteConfig], Field(max_length=32)] = {}
    quotas: Annotated[dict[str, QuotaConfig], Field(max_length=64)] = {}
    cache: CacheConfig = CacheConfig()


class LLMConfigError(Exception):
    """A configuration that cannot be used, with everything that is wrong in it."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        """One line per problem."""
        return "\n".join(map(str, self.problems))


def parse_config(document: object) -> LLMConfig:
    """The configuration in a decoded document; raises `LLMConfigError` with every problem."""
    found = reference_problems(document)
    try:
        config = LLMConfig.model_validate(document)
    except ValidationError as error:
        faults = [_problem(fault) for fault in error.errors()]
        raise LLMConfigError((*faults, *found)) from None  # its text holds values
    if found:
        raise LLMConfigError(tuple(found))
    return config


def _problem(fault: ErrorDetails) -> Problem:
    """A fault that pydantic found."""
    path = tuple(step for step in fault["loc"] if step != "[key]")
    return Problem(path, _TEXTS.get(fault["type"], fault["msg"].removeprefix("Value error, ")))


def check_url(url: str, *, allow_private: bool) -> None:
    """Raise `ValueError` for an address that no provider may have; the text holds none of it."""
    try:
        parts = urlsplit(url)
        port: Any = parts.port
    except ValueError:
        raise ValueError("this is no address") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise ValueError("an address is https://host, with a port and a path where needed")
    if parts.scheme == "http" and not allow_private:
        raise ValueError("http:// needs allow_private: true")
    if "@" in parts.netloc:
        raise ValueError("an address holds no user and no password; use keys")
    if "?" in url or "#" in url or any(sign.isspace() or sign < " " for sign in url):
        raise ValueError("an address holds no query, no fragment and no blank")

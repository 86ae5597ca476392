"""The status of a `CodelabAgent`: types, condition types and what their reasons mean. Pure."""

from typing import Annotated, Any, Final, Literal

from pydantic import Field

from codelab_operator.api_shapes import Shape, map_list

REASONS: Final[dict[str, dict[str, str]]] = {
    "Ready": {
        "Available": "Every component runs the wanted version and configuration.",
        "Pending": "The operator has not seen the agent yet.",
        "RollingOut": "Objects are not yet what the specification asks for.",
        "ComponentNotReady": "A component is not available; its own condition says why.",
        "RedisUnavailable": "The store of sessions does not answer.",
        "Paused": "Changes wait until `spec.paused` is taken back.",
        "InvalidSpec": "A field or rule of the specification does not hold.",
        "UnsupportedVersion": "This operator cannot run `spec.version`.",
        "ChildConflict": "An object of the same name belongs to somebody else.",
        "ChildRejected": "The API server refuses an object.",
        "Forbidden": "The operator lacks a permission.",
        "DriftFight": "Somebody keeps undoing what the operator writes.",
    },
    "Reconciling": {
        "Creating": "Objects are being made for the first time.",
        "RollingOut": "A component is being replaced.",
        "WaitingForGateway": "Another component's new version waits for the gateway.",
        "WaitingForRuntime": "Another component's new version waits for the runtime.",
        "WaitingForLLMProxy": "Another component's new version waits for the LLM proxy.",
        "WaitingForRedis": "Another component's new version waits for Redis.",
        "RotatingToken": "The token between the services is being replaced.",
        "Retrying": "A write failed and is repeated.",
    },
    "Stalled": {
        "InvalidSpec": "The specification has to be corrected.",
        "UnsupportedVersion": "Another operator or another version is needed.",
        "ChildConflict": "The other object has to go, or the agent needs another name.",
        "ChildRejected": "The specification asks for what the API server refuses.",
        "Forbidden": "The operator's role has to be extended.",
        "ProgressDeadlineExceeded": "New pods do not become available.",
        "DriftFight": "The other writer has to stop.",
    },
    "RedisReady": {
        "Available": "Redis answers.",
        "NotReady": "The pod of Redis is not ready, or nothing is known yet.",
        "Unreachable": "The runtime cannot connect.",
        "AuthFailed": "Redis refuses user or password.",
        "EvictionPolicy": "Redis may drop entries under memory pressure.",
    },
    "ProvidersReady": {
        "AllOk": "Every provider answers; one that is built in does where the LLM proxy has a pod.",
        "KeyMissing": "A Secret with a provider's key is not there.",
        "KeyRejected": "A provider refuses its key.",
        "Unreachable": "A provider does not answer.",
        "NotChecked": "The LLM proxy has not reported yet, or has no pod that could.",
    },
    "MonitoringReady": {
        "Applied": "Every ServiceMonitor is in place.",
        "CRDMissing": "The cluster knows no ServiceMonitors.",
        "Pending": "ServiceMonitors are being made.",
    },
} | {
    name: {
        "Available": "Every pod is available and current.",
        "RollingOut": "Pods are being replaced.",
        "NotEnoughPods": "Fewer pods are available than wanted.",
        "ReplicaFailure": "Pods cannot be created.",
        "ProgressDeadlineExceeded": "New pods do not become available.",
        "NotCreated": "The Deployment is not there.",
    }
    for name in ("GatewayReady", "RuntimeReady", "LLMProxyReady")
}
"""Meaning of each reason, by condition type."""

ORDER: Final = (
    "Ready",
    "Reconciling",
    "Stalled",
    "GatewayReady",
    "RuntimeReady",
    "LLMProxyReady",
    "RedisReady",
    "ProvidersReady",
    "MonitoringReady",
)
"""Condition types as the status lists them."""

UNSEEN: Final[dict[str, Any]] = {
    "conditions": [
        {
            "type": "Ready",
            "status": "Unknown",
            "reason": "Pending",
            "lastTransitionTime": "1970-01-01T00:00:00Z",
        }
    ]
}
"""Status of an agent that no operator has seen: without it tools would call it current."""


class Condition(Shape):
    """One statement about the agent."""

    type: Annotated[str, Field(max_length=64)]
    """What it is about."""
    status: Literal["True", "False", "Unknown"]
    """Whether it holds."""
    reason: Annotated[str, Field(max_length=64)]
    """Why, in one word."""
    message: Annotated[str, Field(max_length=4096)] | None = None
    """Why, for people."""
    last_transition_time: Annotated[str, Field(json_schema_extra={"format": "date-time"})]
    """When `status` changed."""


class ComponentStatus(Shape):
    """State of one component."""

    name: Literal["gateway", "runtime", "llmproxy", "redis"]
    """Which one."""
    version: Annotated[str, Field(max_length=64)] | None = None
    """Version for which it was last applied."""
    image: Annotated[str, Field(max_length=512)] | None = None
    """Image of its pods."""
    hash: Annotated[str, Field(max_length=16)] | None = None
    """Hash of what was last applied."""
    desired: int | None = None
    """Wanted pods."""
    ready: int | None = None
    """Available pods."""
    updated: int | None = None
    """Pods of the newest template."""
    summary: Annotated[str, Field(max_length=64)]
    """`2/2`: available and wanted pods."""


class ProviderStatus(Shape):
    """What the LLM proxy says of one provider."""

    name: Annotated[str, Field(max_length=63)]
    """Its name."""
    state: Literal["ok", "timeout", "error"]
    """Outcome of the last check."""
    message: Annotated[str, Field(max_length=1024)] | None = None
    """What went wrong."""


class Endpoints(Shape):
    """Where clients connect."""

    internal: Annotated[str, Field(max_length=512)] | None = None
    """Within the cluster."""
    external: (
        Annotated[list[Annotated[str, Field(max_length=512)]], Field(max_length=32)] | None
    ) = None
    """From outside."""


class InternalAuthStatus(Shape):
    """State of the token between the services."""

    rotation: Annotated[str, Field(max_length=64)] = ""
    """`spec.internalAuth.rotation` for which the newest token was made."""
    phase: Literal["Stable", "Adding", "Promoted"] = "Stable"
    """Step of its replacement."""


class Status(Shape):
    """How an agent is."""

    observed_generation: int | None = None
    """Generation that was understood last."""
    version: Annotated[str, Field(max_length=64)] | None = None
    """Version that every component runs."""
    conditions: (
        Annotated[list[Condition], Field(max_length=16, json_schema_extra=map_list("type"))] | None
    ) = None
    """Statements about the agent."""
    components: (
        Annotated[list[ComponentStatus], Field(max_length=8, json_schema_extra=map_list("name"))]
        | None
    ) = None
    """Gateway, runtime, LLM proxy and Redis."""
    providers: (
        Annotated[list[ProviderStatus], Field(max_length=16, json_schema_extra=map_list("name"))]
        | None
    ) = None
    """Providers as the LLM proxy sees them."""
    endpoints: Endpoints | None = None
    """Where clients connect."""
    client_token_secret: Annotated[str, Field(max_length=253)] | None = None
    """Secret with the token that was made for clients, key `token`."""
    internal_auth: InternalAuthStatus | None = None
    """State of the token between the services."""

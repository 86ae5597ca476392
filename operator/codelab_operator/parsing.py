"""A `CodelabAgent` as the API server stores it becomes an `Agent`, or a reason why not. Pure."""

from collections.abc import Mapping, Sequence
from typing import Final

from pydantic import ValidationError

from codelab_operator.api_group import RELEASE
from codelab_operator.api_rules import violations
from codelab_operator.api_spec import Spec
from codelab_operator.children import Agent, Manifest
from codelab_operator.llm_file import problems
from codelab_operator.versions import SUPPORTED_MINORS, is_supported

NO_CLUSTER: Final = (
    "Redis Cluster is not supported by this release: name one server (url) or Sentinels (sentinel)"
)


class RefusedSpecError(Exception):
    """The specification cannot be acted on; children stay as they are.

    `reason` is the condition's, `field` a path such as `spec.gateway.replicas`.
    """

    reason = "InvalidSpec"

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


class InvalidSpecError(RefusedSpecError):
    """A field or rule does not hold: the object is older than the rule, or the CRD is another."""


class UnsupportedVersionError(RefusedSpecError):
    """`spec.version` is of a release whose pods this operator cannot render."""

    reason = "UnsupportedVersion"


def checked(resource: Manifest) -> Agent:
    """The agent, as `parse` reads it, with a configuration that its services will take.

    Raises what `parse` raises, and `InvalidSpecError` for what no schema can see, such as aliases
    in a circle: the proxy would end at its start. So would a runtime before a Redis Cluster.
    """
    agent = parse(resource)
    external = agent.spec.redis.external
    if external and external.cluster:
        raise InvalidSpecError("spec.redis.external.cluster", NO_CLUSTER)
    for problem in problems(agent.spec.llmproxy):
        raise InvalidSpecError("spec.llmproxy", str(problem))
    return agent


def parse(resource: Manifest) -> Agent:
    """The agent that a stored resource speaks of, with defaults filled in.

    Raises `InvalidSpecError` for the first field or rule that does not hold, and
    `UnsupportedVersionError`. Metadata is the API server's own and taken as it is.
    """
    metadata = resource["metadata"]
    spec = _spec(resource)
    whole = {"metadata": metadata, "spec": spec.model_dump(by_alias=True, exclude_none=True)}
    for broken in violations(whole):
        raise InvalidSpecError(broken.field or "metadata.name", broken.message)
    if not is_supported(spec.version):
        raise UnsupportedVersionError(
            "spec.version",
            f"operator {RELEASE} runs its own minor version and the {SUPPORTED_MINORS - 1}"
            f" before it, not {spec.version}",
        )
    return Agent(
        metadata["namespace"], metadata["name"], metadata["uid"], metadata["generation"], spec
    )


def _spec(resource: Manifest) -> Spec:
    """The typed specification. Raises `InvalidSpecError` for the first field that does not fit."""
    raw = resource.get("spec") or {}
    try:
        return Spec.model_validate(raw)
    except ValidationError as refusal:
        first = refusal.errors(include_url=False, include_context=False, include_input=False)[0]
        raise InvalidSpecError(_path(raw, first["loc"]), first["msg"]) from None


def _path(raw: object, location: Sequence[str | int]) -> str:
    """`spec.llmproxy.providers[0].kind`; without what pydantic adds for the branch of a union."""
    path, value = "spec", raw
    for part in location:
        if isinstance(value, Mapping) and isinstance(part, str):
            path, value = f"{path}.{part}", value.get(part)
        elif isinstance(value, list) and isinstance(part, int):
            path, value = f"{path}[{part}]", value[part]
        else:
            break
    return path

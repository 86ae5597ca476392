"""A `CodelabAgent` as the API server stores it becomes an `Agent`, or a reason why not. Pure."""

from codelab_operator.children import Agent, Manifest


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


def parse(resource: Manifest) -> Agent:
    """The agent that a stored resource speaks of, with defaults filled in.

    Raises `InvalidSpecError` for the first field or rule that does not hold, and
    `UnsupportedVersionError`. Metadata is the API server's own and taken as it is.
    """
    raise NotImplementedError

"""Whose an object is, by label and by the uid of its owner: a name alone proves nothing. Pure."""

from collections.abc import Sequence
from enum import Enum, auto

from codelab_operator.api_group import (
    AGENT_LABEL,
    FIELD_MANAGER,
    HANDOVER_MANAGER,
    KIND,
    MANAGED_BY_LABEL,
)
from codelab_operator.children import Agent, Manifest

OUR_MANAGERS = frozenset({FIELD_MANAGER, HANDOVER_MANAGER})


class Owner(Enum):
    """Who an observed object belongs to."""

    US = auto()
    """Our labels, and this very agent is its controller."""
    NOBODY = auto()
    """No controller: it may be claimed where no other writer objects, and is never deleted."""
    LEAVING = auto()
    """It is being deleted, or its owner, an agent of the same name, is gone."""
    ANOTHER = auto()
    """Somebody else's, or without our labels."""


def owner_of(live: Manifest, agent: Agent) -> Owner:
    """Whose an object is, as seen from one agent."""
    metadata = live["metadata"]
    if metadata.get("deletionTimestamp"):
        return Owner.LEAVING
    labels = metadata.get("labels") or {}
    if labels.get(MANAGED_BY_LABEL) != FIELD_MANAGER or labels.get(AGENT_LABEL) != agent.name:
        return Owner.ANOTHER
    return _controller(metadata.get("ownerReferences") or (), agent)


def was_anothers(written: Manifest, born: str) -> bool:
    """Whether an object that an apply seemed to create had been made by somebody else.

    `written` is the answer of the API server, `born` the time at which the agent was created. Who
    else has said anything of its specification has made it; how many pods there are, and what
    controllers report, says nothing of that.
    """
    metadata = written["metadata"]
    if metadata["creationTimestamp"] < born:
        return True
    others = (
        entry.get("fieldsV1", {}).get("f:spec", {})
        for entry in metadata.get("managedFields") or ()
        if entry.get("manager") not in OUR_MANAGERS and not entry.get("subresource")
    )
    return any(fields.keys() - {"f:replicas"} for fields in others)


def _controller(references: Sequence[Manifest], agent: Agent) -> Owner:
    """Whose an object with our labels is."""
    controller = next((one for one in references if one.get("controller")), None)
    if controller is None:
        return Owner.NOBODY
    if controller.get("uid") == agent.uid:
        return Owner.US
    is_namesake = (controller.get("kind"), controller.get("name")) == (KIND, agent.name)
    return Owner.LEAVING if is_namesake else Owner.ANOTHER

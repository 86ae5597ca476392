"""Agents and their wanted children, parsed and rendered once for each generation. Pure.

Both cost more than the rest of a pass, and an agent has several passes while it comes up.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from codelab_operator.children import Agent, Child, Manifest, Offering
from codelab_operator.manifests import desired
from codelab_operator.parsing import checked

KEPT: Final = 64
"""Agents; the one that was asked for longest ago goes first."""


@dataclass(slots=True)
class Rendered:
    """The last agents, and their children."""

    _agents: OrderedDict[tuple[str, int], Agent] = field(default_factory=OrderedDict)
    _kept: OrderedDict[tuple[str, int, Offering], tuple[Child, ...]] = field(
        default_factory=OrderedDict
    )

    def agent(self, resource: Manifest) -> Agent:
        """What `checked` says; raises what it raises."""
        metadata = resource["metadata"]
        key = (metadata["uid"], metadata["generation"])
        return _known(self._agents, key) or _keep(self._agents, key, checked(resource))

    def children(self, agent: Agent, offering: Offering) -> tuple[Child, ...]:
        """What `desired` says."""
        key = (agent.uid, agent.generation, offering)
        return _known(self._kept, key) or _keep(self._kept, key, desired(agent, offering))


def _known[Key, Value](kept: OrderedDict[Key, Value], key: Key) -> Value | None:
    """A value that is kept, from now on the youngest."""
    if key in kept:
        kept.move_to_end(key)
    return kept.get(key)


def _keep[Key, Value](kept: OrderedDict[Key, Value], key: Key, value: Value) -> Value:
    """Keep a value, and let go of the oldest when there are too many."""
    kept[key] = value
    if len(kept) > KEPT:
        kept.popitem(last=False)
    return value

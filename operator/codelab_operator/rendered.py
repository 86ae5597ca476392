"""Wanted children, rendered once for each generation of an agent. Pure.

Rendering costs more than the rest of a pass, and an agent has several passes while it comes up.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from codelab_operator.children import Agent, Child, Offering
from codelab_operator.manifests import desired

KEPT: Final = 64
"""Agents; the one that was asked for longest ago goes first."""


@dataclass(slots=True)
class Rendered:
    """The last agents' children."""

    _kept: OrderedDict[tuple[str, int, Offering], tuple[Child, ...]] = field(
        default_factory=OrderedDict
    )

    def children(self, agent: Agent, offering: Offering) -> tuple[Child, ...]:
        """What `desired` says."""
        key = (agent.uid, agent.generation, offering)
        if (known := self._kept.get(key)) is not None:
            self._kept.move_to_end(key)
            return known
        self._kept[key] = children = desired(agent, offering)
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return children

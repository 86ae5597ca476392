"""What an agent's status says. Pure: the same facts give the same status, byte for byte.

No timestamps but `lastTransitionTime` and no counters: nothing changes while nothing happens.
"""

from collections.abc import Mapping
from typing import Any

from codelab_operator.children import Agent, Manifest
from codelab_operator.findings import Findings
from codelab_operator.parsing import RefusedSpecError


def conditions(
    agent: Agent, findings: Findings, previous: Mapping[str, Any], now: str
) -> dict[str, Any]:
    """The whole status; `previous` is the stored one, `now` RFC 3339 in whole seconds (UTC).

    `lastTransitionTime` moves only where a condition's `status` differs from the stored one.
    """
    raise NotImplementedError


def refused(resource: Manifest, error: RefusedSpecError, now: str) -> dict[str, Any]:
    """Status of a resource that could not be parsed: components as last seen, `Stalled`."""
    raise NotImplementedError

"""What surrounds a pass, for real: discovery, health checks and events behind one seam."""

from dataclasses import dataclass

from codelab_operator.asking import Asking
from codelab_operator.children import Manifest, Offering
from codelab_operator.discovery import Discovery
from codelab_operator.events import Events, Note
from codelab_operator.findings import Health
from codelab_operator.health import HealthChecks
from codelab_operator.observations import AgentKey


@dataclass(frozen=True, slots=True)
class Around:
    """The `Surroundings` of `reconcile`."""

    discovery: Discovery
    checks: HealthChecks
    events: Events

    def offering(self) -> Offering:
        """Optional kinds, and switches."""
        return self.discovery.offering

    def rediscover(self) -> None:
        """A kind is not served any more, or may be by now."""
        self.discovery.look.set()

    def health(self, key: AgentKey) -> Health | None:
        """The last facts from the services; None: they were never asked."""
        return self.checks.of(key)

    def ask(self, key: AgentKey, what: Asking) -> None:
        """What the services have to be asked from now on."""
        self.checks.follow(key, what)

    def forgotten(self, key: AgentKey) -> None:
        """The agent is gone."""
        self.checks.forget(key)

    def tell(self, resource: Manifest, note: Note) -> None:
        """Post an event."""
        self.events.tell(resource, note)

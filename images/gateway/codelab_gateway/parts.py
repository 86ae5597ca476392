"""What all connections of a process share, and what they know of each other."""

from dataclasses import dataclass
from typing import Protocol

from codelab_core.clock import Clock
from codelab_core.errors import CodelabError
from codelab_core.settings import GatewaySettings
from codelab_gateway.admission import Admission
from codelab_gateway.authentication import Identity
from codelab_gateway.commander import Commander
from codelab_gateway.handshake import Party
from codelab_gateway.membership import Membership
from codelab_gateway.metrics import Metrics
from codelab_gateway.outbox import Outbox
from codelab_gateway.relays import Relays
from codelab_gateway.runtime_client import RuntimeClient


class Line(Protocol):
    """A connection, as those see it who serve its session."""

    identity: Identity
    session_id: str
    outbox: Outbox
    commander: Commander

    @property
    def party(self) -> Party | None:
        """Who attached by it, once that was said."""

    @property
    def is_plain(self) -> bool:
        """Whether the client speaks without `hello`."""

    def send(self, frame: bytes) -> None:
        """Answer the client."""

    def fail(self, error: CodelabError) -> None:
        """Close it; the first reason counts."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """What all connections of a process share."""

    settings: GatewaySettings
    admission: Admission
    client: RuntimeClient
    relays: Relays
    metrics: Metrics
    clock: Clock
    membership: Membership
    connections: set[Line]

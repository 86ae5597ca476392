"""What reconciling needs of a cluster: verbs over plain objects, and nothing of any client."""

from typing import Protocol

from codelab_operator.children import Manifest, ObjectKey
from codelab_operator.observations import AgentKey, Observation


class Cluster(Protocol):
    """Writes raise `ApiError` for a refusal and `FencedError` when this process does not lead."""

    def observe(self, key: AgentKey) -> Observation:
        """The agent and its children as the streams and our own writes have them; no request."""

    def confirm(self, observed: Observation) -> None:
        """Children of these versions are as meant."""

    async def read(self, key: ObjectKey) -> Manifest:
        """One object that no stream shows: a Secret."""

    async def apply(
        self, manifest: Manifest, *, force: bool, manager: str = "", subresource: str = ""
    ) -> Manifest:
        """Server-side apply of a whole intent; the object as it is now.

        `manager`: if it is not our usual one.
        """

    async def create(self, manifest: Manifest) -> None:
        """Post an object that is missing."""

    async def merge(self, key: ObjectKey, change: Manifest) -> None:
        """Change some fields of an object."""

    async def delete(self, key: ObjectKey) -> None:
        """Delete the object that was observed, and no successor of its name."""

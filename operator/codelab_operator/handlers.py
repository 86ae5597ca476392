"""kopf as a feeder: streams of agents and children into the inbox, and nothing else.

Low level only: no handler writes, waits, or decides. An index function sees every object, also the
ones of the first list; the first event comes when all kinds have been listed.
"""

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import Any, Final

import kopf

from codelab_operator.api_group import AGENT_LABEL, FIELD_MANAGER, MANAGED_BY_LABEL
from codelab_operator.children import ObjectKey
from codelab_operator.connection import Connection
from codelab_operator.inbox import Complete, Gone, Item
from codelab_operator.kinds import AGENT, LEASE, Kind
from codelab_operator.kopf_session import stream_session
from codelab_operator.observations import sighting
from codelab_operator.settings import OperatorSettings

SELECTOR: Final = f"{MANAGED_BY_LABEL}={FIELD_MANAGER}"
STOP_S: Final = 2.0
WATCHER: Any = "codelab-operator"
"""Said outright: kopf would ask for the name of the user, and a pod's user has none."""

log = logging.getLogger(__name__)
Put = Callable[[Item], None]


class NoHistory(kopf.DiffBaseStorage):
    """kopf compares each object with its last version, by deep copies; nobody here asks for it."""

    def build(self, **_: Any) -> Any:
        """Nothing."""
        return {}

    def fetch(self, **_: Any) -> Any:
        """Nothing was kept."""
        return None

    def store(self, **_: Any) -> None:
        """Keep nothing."""


def registry(kinds: tuple[Kind, ...], place: Connection, put: Put) -> kopf.OperatorRegistry:
    """The handlers: a login, and two functions for each kind."""
    made = kopf.OperatorRegistry()
    seen = _Seen(put)

    @kopf.on.login(registry=made, id="login")
    async def login(**_: Any) -> kopf.AiohttpSession:
        return kopf.AiohttpSession(
            server=place.url,
            default_namespace="default",
            aiohttp_session=stream_session(place, put),
        )

    for kind in kinds:
        group, _, version = kind.api_version.rpartition("/")
        kopf.index(group, version, kind.plural, registry=made, id=kind.plural)(seen.index)
        kopf.on.event(group, version, kind.plural, registry=made, id=kind.plural)(seen.event)
    return made


class _Seen:
    """The two functions that every kind has."""

    def __init__(self, put: Put) -> None:
        self._put = put
        self._is_complete = False

    async def index(self, body: kopf.Body, **_: Any) -> None:
        """An object is there, or has changed."""
        self._put(sighting(dict(body)))

    async def event(self, event: Any, body: kopf.Body, **_: Any) -> None:
        """All kinds have been listed; or an object is gone, or has lost our label."""
        if not self._is_complete:
            self._is_complete = True
            self._put(Complete())
        if event["type"] == "DELETED":
            metadata = body["metadata"]
            names = (body["apiVersion"], body["kind"], metadata["namespace"], metadata["name"])
            agent = (metadata.get("labels") or {}).get(AGENT_LABEL, "")
            self._put(Gone(ObjectKey(*names), agent, metadata["uid"]))


def tuned(settings: OperatorSettings, kinds: tuple[Kind, ...]) -> kopf.OperatorSettings:
    """Settings of kopf: nothing is posted, nothing is scanned, streams that hang are renewed."""
    made = kopf.OperatorSettings()
    made.posting.enabled = False
    made.scanning.disabled = True
    made.peering.standalone = True
    made.networking.request_timeout, made.networking.connect_timeout = 30.0, 5.0
    made.watching.server_timeout, made.watching.client_timeout = 300, 330
    made.watching.connect_timeout = 10
    made.watching.inactivity_timeout, made.watching.chunk_size = 70.0, 500
    made.queueing.idle_timeout = 0.5  # a task for each object that changed: not for longer
    made.persistence.diffbase_storage = NoHistory()
    for kind in kinds:
        group = kind.api_version.rpartition("/")[0]
        if kind.is_child:
            made.watching.label_selectors[group, kind.plural] = SELECTOR
    made.watching.field_selectors[LEASE.api_version.partition("/")[0], LEASE.plural] = (
        f"metadata.name={settings.lease_name}"
    )
    return made


class Streams:
    """kopf in a thread of its own, for one set of kinds; `failed`: it ended unasked."""

    def __init__(
        self,
        settings: OperatorSettings,
        place: Connection,
        kinds: tuple[Kind, ...],
        put: Put,
        failed: Callable[[], None],
    ) -> None:
        watched = (AGENT, LEASE, *kinds)
        self._registry = registry(watched, place, put)
        self._tuned = tuned(settings, watched)
        self._namespaces = settings.served()
        self._failed = failed
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="streams", daemon=True)

    def start(self) -> None:
        """Begin to list and watch."""
        self._thread.start()

    async def stop(self) -> None:
        """End all streams; after 2 s without waiting for them."""
        self._stop.set()
        await asyncio.to_thread(self._thread.join, STOP_S)

    def _run(self) -> None:
        """The thread. Whatever ends kopf unasked ends its streams: somebody must know."""
        try:
            with asyncio.Runner() as runner:
                runner.run(self._watch())
        except Exception:
            log.exception("streams failed")
        if not self._stop.is_set():
            self._failed()

    async def _watch(self) -> None:
        """Run kopf until it is stopped."""
        await kopf.operator(
            registry=self._registry,
            settings=self._tuned,
            standalone=True,
            identity=WATCHER,
            clusterwide=not self._namespaces,
            namespaces=self._namespaces,
            stop_flag=self._stop,
        )

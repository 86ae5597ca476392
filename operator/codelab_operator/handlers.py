"""kopf as the keeper of streams: it lists, watches, renews and resumes; its session reads them.

Low level only: no index, and no handler that is ever called. docs/adr/0010 says why.
"""

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import Any, Final

import kopf

from codelab_operator.api_group import FIELD_MANAGER, MANAGED_BY_LABEL
from codelab_operator.connection import Connection
from codelab_operator.inbox import Item
from codelab_operator.kinds import AGENT, LEASE, Kind
from codelab_operator.kopf_session import StreamSession
from codelab_operator.settings import OperatorSettings

SELECTOR: Final = f"{MANAGED_BY_LABEL}={FIELD_MANAGER}"
STOP_S: Final = 2.0
BACKOFFS_S: Final = (0.2, 0.5, *[1.0] * 10, *[5.0] * 10, *[30.0] * 100)
"""Waits of a stream whose request fails. A leader is gone 10 s after the API server went, so what
it missed by then is seen a second after it came back; kopf's own waits grow at once."""
WATCHER: Any = "codelab-operator"
"""Said outright: kopf would ask for the name of the user, and a pod's user has none."""

log = logging.getLogger(__name__)
Put = Callable[[Item], None]


def registry(kinds: tuple[Kind, ...], place: Connection, put: Put) -> kopf.OperatorRegistry:
    """The handlers: a login, and one function for all kinds."""
    made = kopf.OperatorRegistry()

    @kopf.on.login(registry=made, id="login")
    async def login(**_: Any) -> kopf.AiohttpSession:
        session: Any = StreamSession(place, put)
        return kopf.AiohttpSession(
            server=place.url, default_namespace="default", aiohttp_session=session
        )

    async def event(**_: Any) -> None:
        """Never called: kopf watches a kind that has a handler, and is shown no object of it."""

    for kind in kinds:
        group, _, version = kind.api_version.rpartition("/")
        kopf.on.event(group, version, kind.plural, registry=made, id=kind.plural)(event)
    return made


def tuned(settings: OperatorSettings, kinds: tuple[Kind, ...]) -> kopf.OperatorSettings:
    """Settings of kopf: nothing is posted, nothing is scanned, streams that hang are renewed."""
    made = kopf.OperatorSettings()
    made.posting.enabled = False
    made.scanning.disabled = True
    made.peering.standalone = True
    made.networking.request_timeout, made.networking.connect_timeout = 30.0, 5.0
    made.networking.error_backoffs = BACKOFFS_S
    made.watching.server_timeout, made.watching.client_timeout = 300, 330
    made.watching.connect_timeout = 10
    made.watching.inactivity_timeout, made.watching.chunk_size = 70.0, 100
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

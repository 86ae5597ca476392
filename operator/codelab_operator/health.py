"""What agents' services say of themselves: `/health` through their Services, without any token."""

import asyncio
import urllib.request
from collections.abc import Callable, Mapping
from typing import Final

import orjson

from codelab_core.clock import Clock
from codelab_operator.api_group import PORTS, UNREADY_RUNTIME
from codelab_operator.asking import Asking
from codelab_operator.findings import Health
from codelab_operator.key_queue import Uniform
from codelab_operator.observations import AgentKey

ANSWER_S: Final = 3.0
AT_ONCE: Final = 8
JITTER: Final = 0.2
TICK_S: Final = 1.0
LONGEST_BYTES: Final = 65_536
SERVICES: Final = {"runtime": ("runtime", UNREADY_RUNTIME), "llmproxy": ("llmproxy",)}
"""Services to ask about a component, until one answers."""

Checks = Mapping[str, str]


def _opener() -> urllib.request.OpenerDirector:
    """Plain http, no proxy, no redirects, any status: the usual one reads all certificates."""
    made = urllib.request.OpenerDirector()
    made.add_handler(urllib.request.HTTPHandler())
    return made


OPENER: Final = _opener()


class HealthChecks:
    """Facts by agent; `changed` is told of agents whose facts became different."""

    def __init__(
        self, url: str, clock: Clock, uniform: Uniform, changed: Callable[[AgentKey], None]
    ) -> None:
        self._url = url
        self._clock = clock
        self._uniform = uniform
        self._changed = changed
        self._known: dict[AgentKey, Health] = {}
        self._due: dict[AgentKey, float] = {}
        self._asking: dict[AgentKey, Asking] = {}
        self._room = asyncio.Semaphore(AT_ONCE)

    def of(self, key: AgentKey) -> Health | None:
        """The last facts; None: the services were never asked."""
        return self._known.get(key)

    def follow(self, key: AgentKey, what: Asking) -> None:
        """Ask this of an agent's services from now on; one that is no more settled, at once."""
        before = self._asking.get(key)
        if before == what:
            return
        self._asking[key] = what
        if key in self._known:
            self._known[key] = _of(what, self._known[key])
        if not what.components:
            self._due.pop(key, None)
        else:
            wait_s = self._uniform(0.0, what.span_s) if what.is_settled else 0.0
            self._due[key] = self._clock.monotonic() + wait_s

    def forget(self, key: AgentKey) -> None:
        """The agent is gone."""
        for known in (self._known, self._due, self._asking):
            known.pop(key, None)

    async def run(self) -> None:
        """Ask for ever."""
        async with asyncio.TaskGroup() as asking:
            while True:
                now = self._clock.monotonic()
                for key in [key for key, due in self._due.items() if due <= now]:
                    self._due[key] = float("inf")  # until the answer is there
                    await self._room.acquire()
                    asking.create_task(self._ask(key))
                await asyncio.sleep(TICK_S)

    async def _ask(self, key: AgentKey) -> None:
        """Ask services of one agent, and when to ask again."""
        facts: dict[str, Checks | None] = {}
        try:
            for component in self._asking.get(key, Asking()).components:
                facts[component] = await asyncio.to_thread(self._read, key, component)
        finally:
            self._room.release()
        what = self._asking.get(key)
        if what is None:
            return  # forgotten meanwhile
        if key in self._due:
            jitter = self._uniform(1 - JITTER, 1 + JITTER) if what.is_settled else 1.0
            self._due[key] = self._clock.monotonic() + what.span_s * jitter
        known = _of(what, Health(**facts))
        if known != self.of(key):
            self._known[key] = known
            self._changed(key)

    def _read(self, key: AgentKey, component: str) -> Checks | None:
        """What a component says of itself; blocks."""
        place = {"namespace": key.namespace, "port": PORTS[component]}
        urls = (self._url.format(service=f"{key.name}-{s}", **place) for s in SERVICES[component])
        return next((checks for url in urls if (checks := read_checks(url)) is not None), None)


def _of(what: Asking, facts: Health) -> Health:
    """Facts without those of components that are not asked."""
    return Health(**{name: getattr(facts, name) for name in what.components})


def read_checks(url: str) -> Checks | None:
    """`checks` of a `/health` answer, also of one that says 503; None: no answer. Blocks."""
    try:
        with OPENER.open(url, timeout=ANSWER_S) as response:
            found = orjson.loads(response.read(LONGEST_BYTES))
    except (OSError, ValueError):
        return None
    checks = found.get("checks") if isinstance(found, dict) else None
    if not isinstance(checks, dict):
        return None
    return {str(name): str(text)[:256] for name, text in checks.items()}

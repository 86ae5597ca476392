"""What agents' services say of themselves: `/health` through their Services, without any token."""

import asyncio
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

import orjson

from codelab_core.clock import Clock
from codelab_operator.api_group import PORTS, UNREADY_RUNTIME
from codelab_operator.findings import Health
from codelab_operator.key_queue import Uniform
from codelab_operator.observations import AgentKey

ANSWER_S: Final = 3.0
AT_ONCE: Final = 8
UNSETTLED_S: Final = 10.0
SETTLED_S: Final = 60.0
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
        self._settled: dict[AgentKey, bool] = {}
        self._room = asyncio.Semaphore(AT_ONCE)

    def of(self, key: AgentKey) -> Health:
        """The last facts."""
        return self._known.get(key, Health())

    def follow(self, key: AgentKey, *, is_settled: bool) -> None:
        """Ask an agent's services from now on: often until it has settled, then now and then."""
        if not is_settled and self._settled.get(key, True):
            self._due[key] = min(self._due.get(key, float("inf")), self._clock.monotonic())
        self._settled[key] = is_settled
        self._due.setdefault(key, self._clock.monotonic())

    def forget(self, key: AgentKey) -> None:
        """The agent is gone."""
        for known in (self._known, self._due, self._settled):
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
        """Ask both services of one agent, and when to ask again."""
        try:
            facts = self.of(key)
            for component in SERVICES:
                checks = await asyncio.to_thread(self._read, key, component)
                facts = replace(facts, **{component: checks})
        finally:
            self._room.release()
        if key not in self._due:
            return  # forgotten meanwhile
        span_s = SETTLED_S if self._settled[key] else UNSETTLED_S
        jitter = self._uniform(1 - JITTER, 1 + JITTER) if self._settled[key] else 1.0
        self._due[key] = self._clock.monotonic() + span_s * jitter
        if facts != self.of(key):
            self._known[key] = facts
            self._changed(key)

    def _read(self, key: AgentKey, component: str) -> Checks | None:
        """What a component says of itself; blocks."""
        place = {"namespace": key.namespace, "port": PORTS[component]}
        urls = (self._url.format(service=f"{key.name}-{s}", **place) for s in SERVICES[component])
        return next((checks for url in urls if (checks := read_checks(url)) is not None), None)


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

"""Real operator processes against the fake API server, and what tests want to know of both."""

import asyncio
import multiprocessing
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, Final
from urllib import error, request

from codelab_core.clock import SystemClock
from codelab_operator.api_group import HASH_ANNOTATION, ROTATION_ANNOTATION
from fakes.cluster import writes
from fakes.cluster.kinds import OPTIONAL, Resource
from fakes.cluster.requests import Logged
from fakes.cluster.serving import ServedCluster, fake_cluster
from fakes.cluster.store import Stored
from fakes.cluster.writes import Write

Json = Any

PERSON: Final = "kubectl"
PORT: Final = re.compile(r'"port": ?(\d+)')
CHILD_S: Final = 0.03
"""Passes follow changes of children within 20 ms."""
LOOKS: Final = 4
"""An operator that answered so often, and wrote nothing meanwhile, is at rest."""
WAIT_S: Final = 60.0
"""For machines that are busy; nothing here takes that long otherwise."""
SHORT_LEAD: Final[Mapping[str, Any]] = {"lease_renew_s": 0.4, "lease_deadline_s": 2.0}
"""A leader that soon knows that it is none any more."""

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["codelab_operator.__main__"])


class AheadClock(SystemClock):
    """The clocks of this machine; the one of people is ahead by as many seconds as `ahead` says."""

    def __init__(self, ahead: Any) -> None:
        self._ahead = ahead

    def wall_ms(self) -> int:
        """Milliseconds since 1970-01-01 UTC, and a while."""
        return super().wall_ms() + int(self._ahead.value) * 1000


def operate(fields: dict[str, Any], log: str, ahead: Any) -> None:
    """The body of an operator process."""
    from codelab_operator import app  # noqa: PLC0415 -- in the new process
    from codelab_operator.__main__ import main  # noqa: PLC0415 -- as well
    from codelab_operator.settings import OperatorSettings  # noqa: PLC0415 -- as well

    with Path(log).open("a", buffering=1) as sys.stderr:
        for name, value in OperatorSettings.exactly(**fields).to_env().items():
            os.environ[name] = value  # noqa: TID251 -- the environment of a new process
        vars(app)["SYSTEM_CLOCK"] = AheadClock(ahead)  # of this process alone
        with asyncio.Runner() as runner:
            runner.run(main([]))


class Bench:
    """A fake cluster and the operators that were started on it."""

    def __init__(self, cluster: ServedCluster, folder: Path) -> None:
        self.cluster = cluster
        self.folder = folder
        self.running: list[ForkServerProcess] = []
        self.ahead = _CONTEXT.Value("i", 0)
        """Seconds by which the clock on the wall of every operator is ahead of ours."""
        self._names: dict[str, ForkServerProcess] = {}
        self._news = asyncio.Event()
        cluster.store.listeners.append(lambda *_: self._news.set())

    def start(self, name: str = "operator", **fields: Any) -> ForkServerProcess:
        """Start an operator; when its predecessor was killed it leads at once."""
        settings = {
            "api_url": self.cluster.url,
            "host": "127.0.0.1",
            "port": 0,
            "pod_name": name,
            "lease_poll_s": 0.05,
            "log_level": "DEBUG",
            "health_url": self.cluster.url + "/health/{namespace}/{service}",
        }
        log = str(self.folder / f"{name}.log")
        process = _CONTEXT.Process(target=operate, args=(settings | fields, log, self.ahead))
        process.start()
        self.running.append(process)
        self._names[name] = process
        return process

    def log(self, name: str = "operator") -> str:
        """What an operator logged."""
        path = self.folder / f"{name}.log"
        return path.read_text() if path.exists() else ""

    async def leads(self, name: str = "operator") -> None:
        """Wait until an operator leads and watches agents."""
        await self.until(lambda: '"leading"' in self.log(name))
        await self.until(lambda: self.cluster.store.of("CodelabAgent").readers)

    async def ends(self, process: ForkServerProcess) -> int:
        """Wait for the end of an operator; the exit code, -1 while it runs."""
        await asyncio.to_thread(process.join, WAIT_S)
        return int(process.exitcode if process.exitcode is not None else -1)

    async def kill(self, process: ForkServerProcess) -> None:
        """SIGKILL; its Lease counts as expired at once."""
        process.kill()
        await asyncio.to_thread(process.join)
        leases = self.cluster.store.of("Lease")
        for lease in list(leases.objects.values()):
            self.cluster.store.drop(leases, lease)

    async def stop(self, process: ForkServerProcess) -> int:
        """SIGTERM; the exit code."""
        process.terminate()
        return await self.ends(process)

    async def until(self, is_so: Callable[[], Any], within_s: float = WAIT_S) -> None:
        """Wait for something to be so; looked at after each change in the cluster."""
        try:
            async with asyncio.timeout(within_s):
                while not is_so():
                    self._news.clear()
                    await self._change()
        except TimeoutError:
            raise AssertionError(self.log()[-4000:] or "nothing was logged") from None

    async def _change(self) -> None:
        """The next change; some things change without one."""
        try:
            async with asyncio.timeout(0.05):
                await self._news.wait()
        except TimeoutError:
            return

    async def rest(self) -> list[Logged]:
        """Wait until the operators have seen everything and write nothing; all writes so far."""
        async with asyncio.timeout(WAIT_S):
            calm = 0
            while calm < LOOKS:
                before = len(self.cluster.writes)
                await asyncio.sleep(CHILD_S)
                await asyncio.to_thread(self._ask)
                is_calm = len(self.cluster.writes) == before and self.cluster.is_read
                calm = calm + 1 if is_calm else 0
        return self.cluster.writes

    def _ask(self) -> None:
        """Ask every operator for something: a machine that is busy makes us wait longer."""
        for name, process in self._names.items():
            if process.is_alive():
                self.probe(name)

    def probe(self, name: str = "operator", path: str = "/readyz") -> int:
        """Status of a probe's answer; 0: none."""
        port = PORT.search(self.log(name))
        try:
            with request.urlopen(
                f"http://127.0.0.1:{port[1] if port else 1}{path}", timeout=5
            ) as it:
                return int(it.status)
        except error.HTTPError as refusal:
            with refusal:
                return refusal.code
        except OSError:
            return 0

    def agent(self, name: str = "a", spec: Json | None = None, namespace: str = "ns") -> Stored:
        """Create an agent, as a person does."""
        body = {"metadata": {"name": name}, "spec": spec or {}}
        agents = self.cluster.store.of("CodelabAgent")
        return writes.create(self.cluster.store, agents, Write(namespace, name, PERSON), body)

    def post(self, kind: str, name: str, spec: Json) -> Stored:
        """An object that somebody makes now."""
        body = {"metadata": {"name": name}, "spec": spec}
        write = Write("ns", name, "somebody")
        return writes.create(self.cluster.store, self.cluster.store.of(kind), write, body)

    def foreign(self, kind: str, name: str, spec: Json) -> Stored:
        """An object that somebody made long ago, with nothing to do with us."""
        store, collection = self.cluster.store, self.cluster.store.of(kind)
        made = self.post(kind, name, spec)
        old = made.manifest["metadata"] | {"creationTimestamp": "2020-01-01T00:00:00Z"}
        return store.commit(collection, Stored(made.manifest | {"metadata": old}, made.owners))

    def edit(self, kind: str, name: str, change: Json, namespace: str = "ns") -> Stored:
        """Merge a change into an object, as a person does."""
        write = Write(namespace, name, PERSON)
        return writes.patch(self.cluster.store, self.cluster.store.of(kind), write, change)

    def delete(self, kind: str, name: str, namespace: str = "ns") -> None:
        """Delete an object, as a person does."""
        write = Write(namespace, name, PERSON)
        writes.delete(self.cluster.store, self.cluster.store.of(kind), write, {})

    def find(self, kind: str, name: str, namespace: str = "ns") -> Json:
        """An object, or None."""
        return self.cluster.objects(kind).get((namespace, name))

    def condition(self, kind: str, name: str = "a", namespace: str = "ns") -> Json:
        """A condition of an agent; empty where it has none."""
        agent = self.find("CodelabAgent", name, namespace) or {}
        listed = agent.get("status", {}).get("conditions", [])
        return next((c for c in listed if c["type"] == kind), {})

    def is_ready(self, name: str = "a", namespace: str = "ns") -> bool:
        """Whether an agent is Ready for its present generation."""
        agent = self.find("CodelabAgent", name, namespace)
        if agent is None:
            return False
        is_current = agent["status"].get("observedGeneration") == agent["metadata"]["generation"]
        return bool(is_current and self.condition("Ready", name, namespace)["status"] == "True")

    def children(self) -> dict[tuple[str, str], Json]:
        """All objects with an owner, by kind and name, without what differs between runs."""
        found = {}
        for collection in self.cluster.store.collections.values():
            for stored in collection.objects.values():
                if stored.manifest["metadata"].get("ownerReferences"):
                    kind = collection.resource.kind
                    found[kind, stored.name] = comparable(stored.manifest)
        return found


def comparable(manifest: Json) -> Json:
    """An object without versions, uids, times and random values."""
    gone = {"uid", "resourceVersion", "creationTimestamp", "ownerReferences", "generation"}
    metadata = {k: v for k, v in manifest["metadata"].items() if k not in gone}
    notes = metadata.get("annotations", {})  # the hash is of the owner's uid, the other has a time
    passing = {HASH_ANNOTATION, ROTATION_ANNOTATION}
    metadata["annotations"] = {k: v for k, v in notes.items() if k not in passing}
    body = {k: v for k, v in manifest.items() if k not in {"status", "data"}}
    return body | {"metadata": metadata, "data": sorted(manifest.get("data", {}))}


@asynccontextmanager
async def bench(folder: Path, *, optional: tuple[Resource, ...] = OPTIONAL) -> AsyncIterator[Bench]:
    """A cluster without operators; all that were started are killed in the end."""
    async with fake_cluster(optional=optional) as cluster:
        made = Bench(cluster, folder)
        try:
            yield made
        finally:
            for process in made.running:
                if process.is_alive() and process.pid:
                    os.kill(process.pid, signal.SIGCONT)
                    process.kill()
                process.join()
                process.close()

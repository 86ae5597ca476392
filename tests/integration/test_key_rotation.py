"""The key between services is rotated under turns that run: nobody is refused, nobody restarts."""

import asyncio
import logging
import re
from collections.abc import Callable
from pathlib import Path

import anyio
import httpx2
import pytest

from codelab_core import watched_file
from harness.services import Services, Wanted, services
from harness.sockets import RawSocket, opened, text_of

OLD, NEW = "the-key-of-before", "the-key-of-afterwards"
SERVICES = 3
TIMEOUT_S = 30


class MountedKeys:
    """A Secret as the kubelet mounts it: a new version is a swapped link."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "tokens"
        self._folder = folder
        self._versions = 0

    def show(self, *keys: str) -> None:
        """Let the file hold these keys from now on."""
        self._versions += 1
        version = self._folder / str(self._versions)
        version.mkdir(parents=True)
        (version / "tokens").write_text("\n".join(keys) + "\n")
        (self._folder / "tmp").symlink_to(version.name)
        (self._folder / "tmp").rename(self._folder / "..data")
        if not self.file.is_symlink():
            self.file.symlink_to("..data/tokens")


async def until(count: Callable[[], int], wanted: int) -> None:
    """Wait until other tasks have done something so many times."""
    with anyio.fail_after(TIMEOUT_S):
        while count() < wanted:  # noqa: ASYNC110 -- nobody tells
            await asyncio.sleep(0.01)


async def requests_by_status(http: httpx2.AsyncClient, url: str) -> dict[str, float]:
    """How many requests a service has answered, by status."""
    text = (await http.get(f"{url}/metrics")).text
    rows = re.findall(r'_http_requests_total\{.*status="(\d+)"\} (\S+)$', text, re.MULTILINE)
    counted: dict[str, float] = {}
    for status, number in rows:
        counted[status] = counted.get(status, 0) + float(number)
    return counted


async def status_with(http: httpx2.AsyncClient, url: str, key: str) -> int:
    """What a service answers to a caller with that key."""
    headers = {"X-Internal-Auth": key}
    answer = await http.get(f"{url}/no/such/path", headers=headers)
    return int(answer.status_code)


async def talk(running: Services, answers: list[str], stopped: asyncio.Event) -> None:
    """One turn after the other, each in a session of its own."""
    while not stopped.is_set():
        async with opened(f"{running.socket_url}/ws/s{len(answers)}") as socket:
            await socket.send({"type": "user_message", "content": "echo hello"})
            answers.append(text_of(await socket.final()))


async def long_answer(socket: RawSocket) -> str:
    """The text of an answer that takes a while."""
    await socket.send({"type": "user_message", "content": "write 200 tokens at 100 per second"})
    return text_of(await socket.final())


async def test_a_rotated_key_refuses_nobody_and_the_old_one_is_worth_nothing_afterwards(
    store_server: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(watched_file, "POLL_S", 0.01)
    caplog.set_level(logging.INFO, "codelab_core.watched_file")
    mounted = MountedKeys(tmp_path / "keys")
    mounted.show(OLD)
    fields = {"internal_token_file": mounted.file}
    wanted = Wanted(gateway=fields, runtime=fields, llmproxy=fields)
    async with services(store_server, tmp_path, wanted) as running, httpx2.AsyncClient() as http:
        internal = (running.runtime_url, running.llmproxy_url)
        before = [await status_with(http, url, OLD) for url in internal]

        answers: list[str] = []
        stopped = asyncio.Event()
        async with (
            opened(f"{running.socket_url}/ws/long") as socket,
            asyncio.TaskGroup() as tasks,
        ):
            writing = tasks.create_task(long_answer(socket))
            tasks.create_task(talk(running, answers, stopped))
            for step, keys in enumerate(((OLD, NEW), (NEW, OLD), (NEW,)), 1):
                mounted.show(*keys)
                await until(lambda: caplog.messages.count("file reloaded"), step * SERVICES)
                await until(lambda: len(answers), len(answers) + 2)  # so one from start to end
            stopped.set()
        counted = [await requests_by_status(http, url) for url in internal]
        after = [[await status_with(http, url, key) for url in internal] for key in (OLD, NEW)]

    assert before == [404, 404]
    assert set(answers) == {"Echo: hello"}
    assert writing.result() == " ".join(f"t{n:05d}" for n in range(1, 201))
    assert [found["200"] > 0 for found in counted] == [True, True]
    assert [found.get("401", 0) for found in counted] == [0, 0]
    assert after == [[401, 401], [404, 404]]

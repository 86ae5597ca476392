"""The managed store, with the users and flags that the operator gives it."""

import base64
import secrets
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from redis.exceptions import NoPermissionError, RedisError

from codelab_core.clock import SYSTEM_CLOCK
from codelab_operator.api_spec import Spec
from codelab_operator.children import Agent, Offering
from codelab_operator.environment import store_prefix
from codelab_operator.manifests import desired
from codelab_operator.secrets import filled
from codelab_runtime.answers import committed
from codelab_runtime.connection import Connection, client
from codelab_runtime.embedded import server_binary
from codelab_runtime.keys import Keys
from codelab_runtime.reading import Reader
from codelab_runtime.store import Commit, NewCommand, Store
from codelab_runtime.store_login import FileLogin
from harness.services import Wanted, services
from harness.sockets import opened, text_of

AGENT = Agent("team", "demo", "uid", 1, Spec())
PREFIX = store_prefix(AGENT)
ADMIN = "admin-of-this-test"


@dataclass(frozen=True)
class Guarded:
    """A running server and the passwords of its users."""

    socket: Path
    passwords: dict[str, str]

    def url(self, user: str) -> str:
        """The address, for one user."""
        return f"unix://{user}:{self.passwords[user]}@{self.socket}"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """A server that was started as the StatefulSet starts it."""
    prepared, command = _prepared(tmp_path_factory.mktemp("guarded"))
    with _running(command):
        yield prepared


def _prepared(folder: Path) -> tuple[Guarded, list[str]]:
    """Users, flags and a place for data: a server that can be started."""
    children = {(c.key.kind, c.key.name): c for c in desired(AGENT, Offering())}
    secret = filled(children["Secret", "demo-internal"], lambda: secrets.token_urlsafe(32))
    values = {name: base64.b64decode(text).decode() for name, text in secret["data"].items()}
    acl = folder / "users.acl"
    acl.write_text(f"{values['users.acl']}user {ADMIN} on >{ADMIN} ~* &* +@all\n")
    pod = children["StatefulSet", "demo-redis"].manifest["spec"]["template"]["spec"]
    places = {"/data": str(folder), "/etc/codelab/redis/users.acl": str(acl)}
    flags = [places.get(flag, flag) for flag in pod["containers"][0]["args"]]
    socket = folder / "s.sock"
    command = [str(server_binary()), *flags, "--port", "0", "--unixsocket", str(socket)]
    users = {user: values[f"redis-{user}"] for user in ("runtime", "llmproxy")}
    return Guarded(socket, {**users, "probe": "any", ADMIN: ADMIN}), command


@contextmanager
def _running(command: list[str]) -> Iterator[None]:
    """The server until it is killed."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        started = next((line for line in process.stdout if "Ready to accept" in line), "")
        assert started, "the server refused its flags, its users or its data"
        yield
        process.kill()


@asynccontextmanager
async def connected(server: Guarded, user: str) -> AsyncIterator[Any]:
    """A client of that user, as the services open theirs."""
    redis = client(server.url(user))
    try:
        yield redis
    finally:
        await redis.aclose()


OPTIONAL = {b"client|setinfo", b"info"}
"""What is asked for once, and done without where it is refused."""


async def refusals(server: Guarded) -> list[Any]:
    """What the server refused since the last call.

    But for the library's courtesy of telling its name: it minds no refusal, and a right to it would
    keep servers of version 7.0 from starting, which do not know the command.
    """
    async with connected(server, ADMIN) as redis:
        log: list[Any] = await redis.execute_command("ACL", "LOG")
        await redis.execute_command("ACL", "LOG", "RESET")
    return [entry for entry in log if entry[b"object"] not in OPTIONAL]


async def test_a_turn_needs_no_command_beyond_the_list(guarded: Guarded, tmp_path: Path) -> None:
    await refusals(guarded)
    password = tmp_path / "password"
    password.write_text(guarded.passwords["runtime"])
    login = {"redis_username": "runtime", "redis_password_file": password}
    wanted = Wanted(runtime={"redis_prefix": PREFIX, **login})

    async with (
        services(f"unix://{guarded.socket}", tmp_path, wanted) as platform,
        opened(f"{platform.socket_url}/ws/s1") as socket,
    ):
        await socket.send({"type": "user_message", "content": "echo hello"})
        frames = await socket.final()

    assert text_of(frames) == "Echo: hello"
    assert await refusals(guarded) == []


async def test_a_killed_server_reads_its_transactions_back(tmp_path: Path) -> None:
    """It replays them as the default user, which must be able to do what nobody else may."""
    server, command = _prepared(tmp_path)
    with _running(command):
        async with connected(server, ADMIN) as redis, redis.pipeline() as transaction:
            await transaction.set("a", 1).set("b", 2).execute()
            await redis.execute_command("WAITAOF", 1, 0, 5_000)

    with _running(command):
        async with connected(server, ADMIN) as redis:
            found = await redis.mget("a", "b")

    assert found == [b"1", b"2"]


async def test_a_new_password_is_read_at_the_next_connect(guarded: Guarded, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("not-yet-known\n")
    login = FileLogin("runtime", file)

    refused = client(f"unix://{guarded.socket}", credential_provider=login)
    with pytest.raises(RedisError):
        await refused.ping()
    file.write_text(guarded.passwords["runtime"] + "\n")

    assert await refused.ping()
    await refused.aclose()


async def test_every_script_and_reader_runs_with_these_rights(guarded: Guarded) -> None:
    await refusals(guarded)

    async with connected(guarded, "runtime") as redis:
        connection = Connection(redis)
        store = Store(connection, Keys(PREFIX), SYSTEM_CLOCK, 3_000)
        await store.open("s2", "ann", 3_600)
        await store.ingest(NewCommand("s2", "ann", "c/1", "d", b"{}", want=False))
        claim = await store.claim("s2")
        assert claim is not None
        fence = claim.fence
        await store.renew(0, {"s2": fence})
        wanted = Commit(
            "s2", fence, "op", 0, 0, 1, events=[b"{}"], meta={"st": "idle"}, slots={"a": "open"}
        )
        committed(await connection.run(store.commit_call(wanted)))
        assert await store.touch("s2", fence, 3_600)
        await store.tail("s2", claim.epoch, 0)
        await _read_all(Reader(connection, store.keys))
        assert await store.release("s2", fence, "0")
        await store.due(0, 10)
        await store.rebase("s2", claim.epoch)
        assert not await store.purge("s2", "ann", "expired")
        await redis.publish(f"{PREFIX}:channel", "x")

    assert await refusals(guarded) == []


async def _read_all(reader: Reader) -> None:
    """Every single command of the reader."""
    await reader.inbox("s2", 0, 10)
    await reader.facts(["s2"])
    await reader.positions(["s2"])
    await reader.listed("ann", 0, 10)
    await reader.accepted("s2", "c/1")
    await reader.recent_cids("s2", 10, 10)
    await reader.slot("s2", "a")
    await reader.expired(0, 1, 10)
    await reader.forget_tombstones(0, 1)
    await reader.keep_part("s2", "p", b"x")
    await reader.parts("s2", ["p"])
    await reader.drop_parts("s2", ["p"])


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["KEYS", "*"], id="keys"),
        pytest.param(["FLUSHALL"], id="flushall"),
        pytest.param(["CONFIG", "GET", "dir"], id="config"),
        pytest.param(["SCRIPT", "FLUSH"], id="script-flush"),
        pytest.param(["EVAL", "return redis.call('KEYS', '*')", "0"], id="eval"),
        pytest.param(["ACL", "LIST"], id="acl"),
        pytest.param(["HSET", "cla:team.other:{00}:s:meta", "a", "b"], id="key-of-another-agent"),
        pytest.param(["HSET", f"{PREFIX}x:meta", "a", "b"], id="key-of-a-longer-name"),
        pytest.param(["PUBLISH", "cla:team.other:wk", "x"], id="channel-of-another-agent"),
    ],
)
async def test_what_is_not_on_the_list_is_refused(guarded: Guarded, command: list[str]) -> None:
    async with connected(guarded, "runtime") as redis:
        with pytest.raises(NoPermissionError):
            await redis.execute_command(*command)


@pytest.mark.parametrize("command", [["GET", "x"], ["PUBLISH", "x", "y"], ["SUBSCRIBE", "x"]])
async def test_the_user_of_probes_may_ask_for_a_sign_of_life_only(
    guarded: Guarded, command: list[str]
) -> None:
    async with connected(guarded, "probe") as redis:
        assert await redis.ping()
        with pytest.raises(NoPermissionError):
            await redis.execute_command(*command)


async def test_nobody_gets_in_without_a_name(guarded: Guarded) -> None:
    redis = client(f"unix://{guarded.socket}")

    with pytest.raises(RedisError, match="must be called with the client already authenticated"):
        await redis.ping()
    await redis.aclose()


async def test_a_password_is_not_good_for_another_user(guarded: Guarded) -> None:
    redis = client(f"unix://llmproxy:{guarded.passwords['runtime']}@{guarded.socket}")

    with pytest.raises(RedisError, match="invalid username-password pair"):
        await redis.ping()
    await redis.aclose()

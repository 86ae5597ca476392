"""Tests of the managed store."""

from typing import Any

import pytest

from codelab_operator.redis_server import access_list, known_commands, max_memory
from fakes.agents import agent_of, children_of, container_of


@pytest.mark.parametrize(
    ("limits", "size"),
    [({}, 201_326_592), ({"memory": "1Gi"}, 805_306_368), ({"memory": 1000}, 750)],
    ids=["default", "text", "number"],
)
def test_three_quarters_of_the_memory_are_for_entries(limits: dict[str, Any], size: int) -> None:
    managed = agent_of(redis={"managed": {"resources": {"limits": limits}}}).spec.redis.managed

    assert managed is not None
    assert max_memory(managed) == size


def test_the_server_is_the_first_process_and_keeps_everything() -> None:
    container = container_of("redis")

    flags = " ".join(container["args"])

    assert container["command"] == ["redis-server"]
    for flag in (
        "--appendonly yes",
        "--appendfsync everysec",
        "--maxmemory-policy noeviction",
        "--client-output-buffer-limit pubsub 64mb 16mb 60",
        "--aclfile /etc/codelab/redis/users.acl",
    ):
        assert flag in flags


def test_a_volume_is_claimed_once_and_goes_with_the_agent() -> None:
    managed = {"size": "2048Mi", "storageClassName": "fast", "whenDeleted": "Retain"}
    spec = children_of("StatefulSet", redis={"managed": managed})["redis"]["spec"]

    (claim,) = spec["volumeClaimTemplates"]
    assert claim["spec"] == {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "2Gi"}},
        "storageClassName": "fast",
    }
    retention = spec["persistentVolumeClaimRetentionPolicy"]
    assert retention == {"whenDeleted": "Retain", "whenScaled": "Retain"}


def test_the_default_user_is_off_and_nobody_has_more_than_a_list() -> None:
    default, *users = access_list(agent_of()).splitlines()

    assert default.startswith("user default off resetpass ")
    assert all("-@all" in line for line in users)
    assert not any("+@" in line or "~*" in line or "&*" in line for line in users)


def test_a_version_has_the_commands_that_it_knows_and_none_that_came_later() -> None:
    users = {version: access_list(agent_of(version=version)) for version in ("0.0.9", "0.1.0")}

    assert users["0.0.9"] == users["0.1.0"], "none has come since the first release"
    assert known_commands({"get": "0.0.0", "set": "0.2.0"}, "0.1.0") == ["get"]


def test_a_store_of_somebody_else_has_no_server_of_ours() -> None:
    external = {"external": {"url": "redis://r"}}

    assert children_of("StatefulSet", redis=external) == {}

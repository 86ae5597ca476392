from typing import Any

import pytest
from pydantic import ValidationError

from codelab_operator.api_redis import ManagedRedis, RedisSpec, Tls


def test_a_server_of_our_own_has_a_volume_that_goes_with_the_agent() -> None:
    managed = ManagedRedis()

    assert (managed.image, managed.size, managed.when_deleted) == ("redis:8.0", "1Gi", "Delete")
    assert managed.storage_class_name is None


def test_an_empty_tls_means_the_systems_authorities() -> None:
    spec = RedisSpec.model_validate({"external": {"url": "rediss://store:6380", "tls": {}}})

    assert spec.external is not None
    assert spec.external.tls == Tls(ca_secret_ref=None, client_cert_secret_name=None)


@pytest.mark.parametrize(
    "spec",
    [
        {"durability": "slow"},
        {"managed": {"size": "1G"}},
        {"managed": {"size": "-1Gi"}},
        {"managed": {"whenDeleted": "Keep"}},
        {"external": {"url": "redis://user:secret@store:6379"}},
        {"external": {"url": "http://store:6379"}},
        {"external": {"url": "redis://store:6379/x"}},
        {"external": {"cluster": {"addresses": []}}},
        {"external": {"cluster": {"addresses": ["a:1"] * 17}}},
        {"external": {"sentinel": {"masterName": "m", "addresses": ["a:1"] * 10}}},
        {"external": {"sentinel": {"addresses": ["a:1"]}}},
    ],
    ids=lambda spec: str(spec)[:60],
)
def test_bounds_of_redis_hold(spec: Any) -> None:
    with pytest.raises(ValidationError):
        RedisSpec.model_validate(spec)

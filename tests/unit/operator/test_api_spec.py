from typing import Any

import pytest
from pydantic import ValidationError

from codelab_operator.api_redis import ManagedRedis, RedisSpec
from codelab_operator.api_spec import Images, Spec


def test_an_empty_specification_is_a_whole_agent() -> None:
    spec = Spec.model_validate({})

    assert spec == Spec()
    assert (spec.version, spec.paused, spec.images) == ("0.1.0", False, Images())
    assert spec.redis == RedisSpec(managed=ManagedRedis())
    assert [one.kind for one in spec.llmproxy.providers] == ["scripted"]
    assert (spec.gateway.replicas, spec.runtime.replicas, spec.llmproxy.replicas) == (None,) * 3


def test_redis_that_is_spoken_of_has_no_hidden_choice() -> None:
    spec = Spec.model_validate({"redis": {"durability": "strict"}})

    assert (spec.redis.managed, spec.redis.external) == (None, None)


def test_a_null_counts_as_absent() -> None:
    assert Spec.model_validate({"gateway": {"replicas": None, "env": None}}) == Spec()


@pytest.mark.parametrize("version", ["1", "1.2", "v1.2.3", "1.2.3 ", "1.2.3-", "1.2.3+a"])
def test_a_version_is_three_numbers_and_perhaps_a_suffix(version: str) -> None:
    with pytest.raises(ValidationError):
        Spec.model_validate({"version": version})


@pytest.mark.parametrize("spec", [{"paused": "true"}, {"paused": 1}, {"images": "x"}])
def test_nothing_is_converted(spec: Any) -> None:
    with pytest.raises(ValidationError):
        Spec.model_validate(spec)


def test_a_specification_survives_its_own_wire_form() -> None:
    spec = Spec.model_validate({"gateway": {"config": {"maxConnections": 5}}})

    again = Spec.model_validate(spec.model_dump(by_alias=True, exclude_none=True))

    assert again == spec

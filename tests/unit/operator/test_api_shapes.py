import copy
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from codelab_operator import api_shapes
from codelab_operator.api_shapes import SecretKeyRef, Shape, map_list

ACCEPTED: dict[str, list[Any]] = {
    "ObjectName": ["a", "a.b-c", "1"],
    "Label": ["a", "a-1"],
    "LabelValue": ["", "a", "A_b.c"],
    "Image": ["redis:8.0", "r.example:5000/a@sha256:0"],
    "SecretKey": ["tokens", "ca.crt", "A_b"],
    "IntOrPercent": [1, "1%", "100%"],
    "Quantity": [0, 2, "500m", "1.5Gi", "1e3"],
    "HttpsUrl": ["https://a.example", "https://a.example:8443/x/y"],
    "HttpUrl": ["http://a.b:1", "https://a.example/"],
    "Address": ["redis-0.redis:26379", "redis", "[::1]:6379"],
    "HostName": ["a.example", "*.a.example"],
    "Replicas": [1, 100],
}

REFUSED: dict[str, list[Any]] = {
    "ObjectName": ["", "A", "-a", "a-", "a" * 254],
    "Label": ["", "a.b", "a" * 64],
    "LabelValue": ["-a", "a b", "a" * 64],
    "Image": ["", "a b"],
    "SecretKey": ["", "a/b", "../x"],
    "IntOrPercent": [0, "0%", "101%", "1", True, 1.5],
    "Quantity": [-1, "-1", "1.2345", "1e-3", "1KiB", ""],
    "HttpsUrl": ["http://a.example", "https://u@a.example", "https://a.example/?q", "https://"],
    "HttpUrl": ["ftp://a", "http://a.example#x", "http://a b"],
    "Address": ["", "a:0", "a:b", "a/b", "user@a:1"],
    "HostName": ["", "a.*.example", "A.example", "*"],
    "Replicas": [0, 101, "1", True],
}


def pairs(table: dict[str, list[Any]]) -> list[Any]:
    return [
        pytest.param(name, value, id=f"{name}-{str(value)[:20]!r}-{type(value).__name__}")
        for name, values in table.items()
        for value in values
    ]


def adapter(name: str) -> TypeAdapter[Any]:
    return TypeAdapter(getattr(api_shapes, name), config={"strict": True})


@pytest.mark.parametrize(("name", "value"), pairs(ACCEPTED))
def test_a_value_within_its_bounds_is_kept_as_it_is(name: str, value: Any) -> None:
    assert adapter(name).validate_python(value) == value


@pytest.mark.parametrize(("name", "value"), pairs(REFUSED))
def test_a_value_out_of_its_bounds_is_refused(name: str, value: Any) -> None:
    with pytest.raises(ValidationError):
        adapter(name).validate_python(value)


def test_fields_are_camel_case_outside_and_unknown_ones_are_passed_over() -> None:
    class Port(Shape):
        node_port: int

    assert Port.model_validate({"nodePort": 1, "later": 2}) == Port(node_port=1)
    assert Port(node_port=1).model_dump(by_alias=True) == {"nodePort": 1}


def test_references_name_a_secret_and_its_key() -> None:
    assert SecretKeyRef.model_validate({"name": "a", "key": "b"}).key == "b"
    assert map_list("name")["x-kubernetes-list-map-keys"] == ["name"]


def test_a_copy_is_the_shape_itself() -> None:
    class Port(Shape):
        node_port: int

    port = Port(node_port=1)

    assert copy.deepcopy(port) is port

from typing import Any

import pytest

from codelab_operator.api_spec import Spec
from codelab_operator.children import Agent
from codelab_operator.parsing import InvalidSpecError, UnsupportedVersionError, checked, parse
from fixtures.agent_specs import ACCEPTED, NAMES, REFUSED

UID = "5f0c1e1e-0000-4000-8000-000000000001"


def resource(spec: Any, name: str = "team-a") -> dict[str, Any]:
    metadata = {"name": name, "namespace": "ns", "uid": UID, "generation": 3}
    return {"metadata": metadata, "spec": spec}


def test_a_resource_becomes_an_agent_with_all_defaults() -> None:
    stored = resource({}) | {"status": {"conditions": []}}

    agent = parse(stored)

    assert agent == Agent("ns", "team-a", UID, 3, Spec())


@pytest.mark.parametrize("spec", [None, {}], ids=["absent", "empty"])
def test_a_specification_may_be_left_out(spec: Any) -> None:
    agent = parse(resource(spec))

    assert agent.spec == Spec()


@pytest.mark.parametrize("case", ACCEPTED)
def test_an_accepted_specification_is_parsed(case: str) -> None:
    agent = parse(resource(ACCEPTED[case]))

    assert agent.spec == Spec.model_validate(ACCEPTED[case])


@pytest.mark.parametrize("case", REFUSED)
def test_a_refused_specification_names_the_field(case: str) -> None:
    spec, field = REFUSED[case]

    with pytest.raises(InvalidSpecError) as refusal:
        parse(resource(spec))

    assert (refusal.value.reason, refusal.value.field) == ("InvalidSpec", field)
    assert str(refusal.value) == f"{field}: {refusal.value.message}"


def test_what_the_llm_proxy_would_refuse_is_refused_before_it_has_to() -> None:
    spec = {"llmproxy": {"aliases": {"a": "b", "b": "a"}}}

    with pytest.raises(InvalidSpecError, match=r"^spec\.llmproxy: aliases") as refusal:
        checked(resource(spec))

    assert refusal.value.reason == "InvalidSpec"
    assert checked(resource({})) == parse(resource({}))


def test_a_store_that_the_runtime_cannot_use_is_refused() -> None:
    spec = {"redis": {"external": {"cluster": {"addresses": ["r:6379"]}}}}

    with pytest.raises(InvalidSpecError) as refusal:
        checked(resource(spec))

    assert refusal.value.field == "spec.redis.external.cluster"
    assert "not supported by this release" in refusal.value.message


@pytest.mark.parametrize(("name", "is_fine"), NAMES.items())
def test_names_that_would_break_a_child_are_refused(name: str, *, is_fine: bool) -> None:
    if is_fine:
        assert parse(resource({}, name)).name == name
        return

    with pytest.raises(InvalidSpecError) as refusal:
        parse(resource({}, name))

    assert refusal.value.field == "metadata.name"


@pytest.mark.parametrize("spec", [[], "text", {"gateway": []}, {"llmproxy": {"providers": [3]}}])
def test_what_is_no_specification_at_all_is_refused(spec: Any) -> None:
    with pytest.raises(InvalidSpecError):
        parse(resource(spec or [1]))


def test_fields_of_a_newer_crd_are_passed_over() -> None:
    agent = parse(resource({"later": {"a": 1}, "gateway": {"later": True}}))

    assert agent.spec == Spec()


@pytest.mark.parametrize("version", ["0.2.0", "1.0.0", "99.0.0-rc.1"])
def test_a_version_that_this_operator_cannot_render_is_told_apart(version: str) -> None:
    with pytest.raises(UnsupportedVersionError) as refusal:
        parse(resource({"version": version}))

    assert (refusal.value.reason, refusal.value.field) == ("UnsupportedVersion", "spec.version")
    assert str(refusal.value) == (
        "spec.version: operator 0.1.0 runs its own minor version and the 2 before it,"
        f" not {version}"
    )

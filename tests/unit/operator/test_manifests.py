"""Tests of what an agent consists of as a whole."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codelab_operator.api_spec import Spec
from codelab_operator.children import Agent, Child, Offering
from codelab_operator.llm_file import problems
from codelab_operator.manifests import desired
from codelab_operator.parsing import parse
from fakes.agent_specs import (
    EVERYTHING,
    SCHEMA,
    changed,
    documents,
    leaves,
    rendered,
    values,
    whole,
)

ROOT = Path(__file__).resolve().parents[3]
SAMPLES = sorted((ROOT / "manifests/samples").glob("*.yaml"))
GOLDEN = Path(__file__).parent / "golden"
AGENT = Agent("team", "demo", "uid-1", 1, Spec())

EXCUSED = {
    "paused": "stops the operator's hand, changes nothing that it wants",
    "internalAuth.rotation": "begins a rotation, which patches a Secret that is made only once",
}
"""Leaves of the schema that change no child."""


def test_the_minimal_agent_has_fifteen_children() -> None:
    kinds = [(child.key.kind, child.key.name) for child in desired(AGENT, Offering())]

    assert kinds == [
        ("ServiceAccount", "demo"),
        ("Secret", "demo-internal"),
        ("Secret", "demo-client"),
        ("NetworkPolicy", "demo-gateway"),
        ("NetworkPolicy", "demo-runtime"),
        ("NetworkPolicy", "demo-llmproxy"),
        ("NetworkPolicy", "demo-redis"),
        ("StatefulSet", "demo-redis"),
        ("Service", "demo-redis"),
        ("Service", "demo-gateway"),
        ("Deployment", "demo-gateway"),
        ("Service", "demo-runtime"),
        ("Deployment", "demo-runtime"),
        ("Service", "demo-llmproxy"),
        ("Deployment", "demo-llmproxy"),
    ]


def sample(file: Path, release: str) -> Agent:
    """The agent of a sample file, of that release."""
    (resource,) = [
        one for one in yaml.safe_load_all(file.read_text()) if one["kind"] == "CodelabAgent"
    ]
    metadata = resource["metadata"]
    spec = Spec.model_validate({**resource["spec"], "version": release})
    return Agent(metadata.get("namespace", "default"), metadata["name"], "uid-of-sample", 1, spec)


@pytest.mark.parametrize("file", SAMPLES, ids=lambda file: file.stem)
@pytest.mark.parametrize("release", sorted(path.name for path in GOLDEN.iterdir()))
def test_a_sample_is_rendered_as_it_was_by_the_operator_of_its_release(
    file: Path, release: str
) -> None:
    """The files of a release that is out are frozen: another text rolls pods at an upgrade."""
    golden = list(yaml.safe_load_all((GOLDEN / release / file.name).read_text()))

    made = [child.manifest for child in desired(sample(file, release), EVERYTHING)]

    assert json.loads(json.dumps(made)) == golden


@pytest.mark.parametrize("file", SAMPLES, ids=lambda file: file.stem)
def test_a_sample_holds_to_every_rule(file: Path) -> None:
    for resource in yaml.safe_load_all(file.read_text()):
        if resource["kind"] == "CodelabAgent":
            own = {"namespace": "default", "uid": "uid-1", "generation": 1}
            agent = parse({**resource, "metadata": {**own, **resource["metadata"]}})

            assert problems(agent.spec.llmproxy) == ()


def test_there_is_a_golden_for_each_sample() -> None:
    names = {file.name for file in SAMPLES}

    assert len(names) == 7
    assert all({file.name for file in release.iterdir()} == names for release in GOLDEN.iterdir())


def test_hashes_are_what_they_were() -> None:
    """Literals: a library that writes JSON in another way fails here and rolls no pod."""
    hashes = {child.key.name: child.hash for child in desired(AGENT, Offering()) if is_pods(child)}

    assert hashes == {
        "demo-redis": "4f541737831d42f9",
        "demo-gateway": "0a3ca319fa3872d0",
        "demo-runtime": "3882f84b0bd869d9",
        "demo-llmproxy": "a5221f4a37cfceba",
    }


def is_pods(child: Child) -> bool:
    """Whether the child makes pods."""
    return child.key.kind in {"Deployment", "StatefulSet"}


def bases() -> list[dict[str, Any]]:
    """Specifications that have every leaf between them, each where it counts."""
    everything = whole(SCHEMA)
    for component in ("gateway", "runtime", "llmproxy"):
        everything[component]["replicas"] = 3
    managed = changed(everything, "redis.external", None)
    plain = changed(managed, "exposure.service.sessionAffinity", "ClientIP")
    for component in ("gateway", "runtime", "llmproxy"):
        plain = changed(plain, f"{component}.image", None)
        plain = changed(plain, f"{component}.autoscaling", None)
    by_url = changed(changed(everything, "redis.external.sentinel", None), "redis.managed", None)
    return [
        everything,
        managed,
        plain,
        changed(by_url, "redis.external.cluster", None),
        by_url,
    ]


@pytest.fixture(scope="module")
def rendered_bases() -> list[tuple[dict[str, Any], tuple[Child, ...]]]:
    """Each of them with its children."""
    return [(base, rendered(base)) for base in bases()]


@pytest.mark.parametrize("path", [path for path, _ in leaves() if path not in EXCUSED])
def test_every_field_changes_a_child(
    path: str, rendered_bases: list[tuple[dict[str, Any], tuple[Child, ...]]]
) -> None:
    """stacklok/toolhive#5286: fields were accepted and never read."""
    others = values(dict(leaves())[path])

    assert any(
        rendered(changed(base, path, value)) != before
        for base, before in rendered_bases
        for value in others
    )


@pytest.mark.parametrize("path", EXCUSED)
def test_an_excuse_is_needed(
    path: str, rendered_bases: list[tuple[dict[str, Any], tuple[Child, ...]]]
) -> None:
    others = values(dict(leaves())[path])

    assert all(
        rendered(changed(base, path, value)) == before
        for base, before in rendered_bases
        for value in others
    )


names = st.sampled_from(["a", "codelab", "a" * 40, "a-" * 19 + "bc"])
slow = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]


@given(documents(), names)
@settings(max_examples=200, deadline=None, suppress_health_check=slow)
def test_any_specification_is_rendered(document: dict[str, Any], name: str) -> None:
    children = rendered(document, name)

    assert children == rendered(reordered(document), name)
    assert len({child.key for child in children}) == len(children)
    for child in children:
        assert_fits(child)


def assert_fits(child: Child) -> None:
    """Names and labels are short enough, and nothing is said that the API server would drop."""
    manifest = json.loads(json.dumps(child.manifest))
    assert manifest == child.manifest
    assert len(child.key.name) <= 63
    labels = [value for node in nodes(manifest) for value in node.get("labels", {}).values()]
    assert all(len(label) <= 63 for label in labels)
    assert len(child.hash) == 16
    own = {**manifest, "data": None, "stringData": None, "metadata": None}
    empty = [list(node) for node in nodes(own) if None in node.values()]
    assert [names for names in empty if names != list(own)] == []


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Every mapping in a value."""
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from nodes(inner)
    if isinstance(value, list):
        for inner in value:
            yield from nodes(inner)


def reordered(value: Any) -> Any:
    """The same value with the keys of every mapping the other way round."""
    if isinstance(value, dict):
        return {name: reordered(value[name]) for name in reversed(value)}
    return [reordered(item) for item in value] if isinstance(value, list) else value


def test_an_optional_kind_is_wanted_only_where_the_cluster_knows_it() -> None:
    agent = Agent("team", "demo", "uid-1", 1, Spec.model_validate(whole(SCHEMA)))

    without = {child.key.kind for child in desired(agent, Offering())}
    offered = {child.key.kind for child in desired(agent, EVERYTHING)}

    assert offered - without == {"ServiceMonitor", "HTTPRoute"}


def test_what_the_cluster_offers_touches_no_pod() -> None:
    agent = Agent("team", "demo", "uid-1", 1, Spec.model_validate(whole(SCHEMA)))

    assert [child for child in desired(agent, Offering()) if is_pods(child)] == [
        child for child in desired(agent, EVERYTHING) if is_pods(child)
    ]

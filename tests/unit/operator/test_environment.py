"""Tests of the environment: a contract with the settings that the services read, both ways."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import pytest

from codelab_core.settings import (
    GatewaySettings,
    LLMProxySettings,
    RuntimeSettings,
    ServiceSettings,
)
from codelab_core.settings_marks import Since
from codelab_operator.api_spec import Spec
from codelab_operator.children import Agent, Child, Offering
from codelab_operator.environment import rendered as environment_of
from codelab_operator.environment import replicas_hint, store_url
from codelab_operator.manifests import desired
from fakes.agent_specs import SCHEMA, changed, rendered, whole

SETTINGS: Mapping[str, type[ServiceSettings]] = {
    "gateway": GatewaySettings,
    "runtime": RuntimeSettings,
    "llmproxy": LLMProxySettings,
}
LOCAL = {
    "port": "the Service and the probes know the default",
    "allow_sample_key": "for one machine only",
    "embedded": "for one machine only",
}
NEVER = {
    "gateway": {
        **LOCAL,
        "allow_query_token": "addresses end up in logs",
        "plain_wait_ms": "for tests",
        "plain_stream": "by the client's path",
        "hello_timeout_s": "part of the protocol",
        "ping_interval_s": "part of the protocol",
        "ping_timeout_s": "part of the protocol",
    },
    "runtime": {
        **LOCAL,
        "redis_allow_eviction": "a store that loses sessions is for nobody's cluster",
        "state_dir": "of the embedded store",
        "max_queued_messages": "part of the protocol",
        "max_steps": "not offered",
        "file_tool_timeout_ms": "not offered",
        "question_timeout_ms": "not offered",
        "park_after_s": "not offered",
        "max_tool_output_bytes": "not offered",
        "plain_tools": "not offered",
        "default_model": "the alias `default` of the proxy decides",
    },
    "llmproxy": {
        **LOCAL,
        "redis_allow_eviction": "a store that loses sessions is for nobody's cluster",
        "default_model": "said by the configuration file",
        "scripted_fallback": "said by the configuration file",
        "openai_api_key": "keys are files",
        "openai_base_url": "said by the configuration file",
        "anthropic_api_key": "keys are files",
        "anthropic_base_url": "said by the configuration file",
        "ollama_host": "said by the configuration file",
        "max_live": "not offered",
        "orphan_s": "not offered",
        "keep_s": "not offered",
        "scenario_dir": "for tests",
        "scripted_time_scale": "for tests",
    },
}
"""Fields that no specification sets, and why."""


def variants() -> list[dict[str, Any]]:
    """Specifications that set between them whatever can be set."""
    everything = whole(SCHEMA)
    managed = changed(everything, "redis.external", None)
    return [{}, everything, managed, changed(everything, "redis.external.sentinel", None)]


def containers(children: tuple[Child, ...]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name of the component and its pod."""
    for child in children:
        if child.key.kind == "Deployment":
            yield child.component, child.manifest["spec"]["template"]["spec"]


def environments(component: str) -> list[dict[str, str]]:
    """The variables of a component under each specification, without those of people."""
    return [
        {
            entry["name"]: entry.get("value", "")
            for entry in pod["containers"][0]["env"]
            if entry["name"].startswith("CODELAB_")
        }
        for variant in variants()
        for name, pod in containers(rendered(variant))
        if name == component
    ]


@pytest.mark.parametrize("component", SETTINGS)
def test_every_variable_is_a_field_and_every_field_is_set_or_excused(component: str) -> None:
    fields = {f"CODELAB_{name.upper()}" for name in SETTINGS[component].model_fields}
    excused = {f"CODELAB_{name.upper()}" for name in NEVER[component]}

    said = {name for environment in environments(component) for name in environment}

    assert said == fields - excused


@pytest.mark.parametrize("component", SETTINGS)
def test_a_service_starts_with_what_it_is_given(
    component: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for environment in environments(component):
        with monkeypatch.context() as patched:
            for name, value in environment.items():
                patched.setenv(name, value)

            settings = SETTINGS[component].load()

            assert settings.to_env() == environment
            assert settings.host == "0.0.0.0"  # noqa: S104 -- of a pod


@pytest.mark.parametrize("component", SETTINGS)
def test_every_file_that_is_named_is_mounted(component: str) -> None:
    for variant in variants():
        pods = dict(containers(rendered(variant)))
        mounted = files_of(pods[component])
        named = {
            entry["value"]
            for entry in pods[component]["containers"][0]["env"]
            if entry.get("value", "").startswith("/etc/codelab/")
        }

        assert named <= mounted
        unnamed = {path for path in mounted - named if not path.startswith("/etc/codelab/keys/")}
        assert unnamed == set()


def files_of(pod: Mapping[str, Any]) -> set[str]:
    """Paths of the files that a pod sees, those of the configuration by its one name."""
    places = {mount["name"]: mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}
    found = set()
    for volume in pod["volumes"]:
        if "configMap" in volume:
            found.add(f"{places[volume['name']]}/llmproxy.yaml")
        for source in volume.get("projected", {}).get("sources", ()):
            found |= {f"{places[volume['name']]}/{i['path']}" for i in source["secret"]["items"]}
    return found


def test_keys_of_providers_are_seen_by_the_proxy_alone() -> None:
    pods = dict(containers(rendered(whole(SCHEMA))))

    volumes = {name: {volume["name"] for volume in pod["volumes"]} for name, pod in pods.items()}

    assert volumes == {
        "gateway": {"internal", "auth", "tmp"},
        "runtime": {"internal", "redis", "tmp"},
        "llmproxy": {"internal", "redis", "keys", "config", "clients", "tmp"},
    }


def test_variables_come_by_name_and_those_of_people_after_them() -> None:
    spec = {"gateway": {"env": [{"name": "A", "value": "$(B)"}, {"name": "EMPTY"}]}}

    entries = dict(containers(rendered(spec)))["gateway"]["containers"][0]["env"]

    ours = [entry["name"] for entry in entries[:-2]]
    assert ours == sorted(ours)
    assert entries[-2:] == [{"name": "A", "value": "$(B)"}, {"name": "EMPTY"}]


class LaterSettings(ServiceSettings):
    """Settings of which one field came with a later release."""

    service = "later"
    early: int = 1
    """Always there."""
    late: Annotated[int, Since("0.2.0")] = 1
    """Came with 0.2."""


@pytest.mark.parametrize(
    ("version", "names"),
    [("0.1.9", {"CODELAB_EARLY"}), ("0.2.0", {"CODELAB_EARLY", "CODELAB_LATE"})],
)
def test_an_older_service_is_not_told_of_a_newer_field(version: str, names: set[str]) -> None:
    assert set(environment_of(LaterSettings, {"early": 2, "late": 1}, version)) == names


@pytest.mark.parametrize(
    ("spec", "hint"),
    [
        ({}, 4),
        ({"replicas": 1}, 4),
        ({"replicas": 4}, 4),
        ({"replicas": 5}, 8),
        ({"replicas": 100}, 128),
        ({"autoscaling": {"maxReplicas": 6}}, 6),
    ],
)
def test_the_number_of_pods_is_told_in_steps(spec: dict[str, Any], hint: int) -> None:
    assert replicas_hint(Spec.model_validate({"llmproxy": spec}).llmproxy) == hint


@pytest.mark.parametrize(
    ("redis", "url"),
    [
        ({"managed": {}}, "redis://demo-redis:6379"),
        ({"external": {"url": "rediss://r:6380/2"}}, "rediss://r:6380/2"),
        (
            {"external": {"sentinel": {"masterName": "m", "addresses": ["a:1", "b"]}, "tls": {}}},
            "rediss+sentinel://a:1,b/m",
        ),
        ({"external": {"cluster": {"addresses": ["a:1", "b"]}}}, "redis+cluster://a:1,b"),
        ({"external": {}}, ""),
    ],
    ids=["managed", "url", "sentinel", "cluster", "nothing"],
)
def test_the_store_has_an_address_without_credentials(redis: dict[str, Any], url: str) -> None:
    agent = Agent("team", "demo", "uid", 1, Spec.model_validate({"redis": redis}))

    assert store_url(agent) == url


def test_development_drains_shortly_and_may_write() -> None:
    agent = Agent("team", "demo", "uid", 1, Spec())

    pods = dict(containers(desired(agent, Offering(is_development=True))))

    for pod in pods.values():
        container = pod["containers"][0]
        assert {"name": "CODELAB_DRAIN_S", "value": "5.0"} in container["env"]
        assert container["securityContext"]["readOnlyRootFilesystem"] is False
        assert pod["terminationGracePeriodSeconds"] == 20

"""Every place that sets variables of ours sets ones that the settings have, to values they take."""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from codelab_core.settings import (
    ENV_PREFIX,
    GatewaySettings,
    LLMProxySettings,
    RuntimeSettings,
    ServiceSettings,
)
from codelab_operator.children import Agent, Offering
from codelab_operator.environment import store_url
from codelab_operator.manifests import desired
from codelab_operator.parsing import checked
from codelab_operator.settings import OperatorSettings
from codelab_runtime.store_address import sentinel_address

ROOT = Path(__file__).resolve().parent.parent
SETTINGS: Mapping[str, type[ServiceSettings]] = {
    "gateway": GatewaySettings,
    "runtime": RuntimeSettings,
    "llmproxy": LLMProxySettings,
    "operator": OperatorSettings,
}
COMPOSE = {"gateway": "gateway", "agent-runtime": "runtime", "llm-proxy": "llmproxy"}
SAMPLES = sorted((ROOT / "manifests/samples").glob("*.yaml"))


def is_known(name: str, kind: type[ServiceSettings]) -> bool:
    """Whether a variable is a field."""
    return name.removeprefix(ENV_PREFIX).lower() in kind.model_fields


def loaded(
    kind: type[ServiceSettings], given: Mapping[str, str], patch: pytest.MonkeyPatch
) -> ServiceSettings:
    """The settings of a process with these variables."""
    with patch.context() as patched:
        for name, value in given.items():
            patched.setenv(name, value)
        return kind.load()


def agents(sample: Path) -> Iterator[Agent]:
    """The agents of a manifest, as the operator reads them."""
    for document in yaml.safe_load_all(sample.read_text()):
        if document["kind"] == "CodelabAgent":
            born = {"namespace": "team", "uid": "uid-1", "generation": 1}
            yield checked(document | {"metadata": born | document["metadata"]})


def environments(agent: Agent) -> Iterator[tuple[str, dict[str, str]]]:
    """The variables of each service of an agent."""
    for child in desired(agent, Offering()):
        if child.key.kind == "Deployment":
            (container,) = child.manifest["spec"]["template"]["spec"]["containers"]
            yield child.component, {e["name"]: e["value"] for e in container["env"]}


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.stem)
def test_the_services_of_a_sample_start_with_what_the_operator_gives_them(
    sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for agent in agents(sample):
        for component, given in environments(agent):
            settings = loaded(SETTINGS[component], given, monkeypatch)

            assert settings.to_env() == given
            if isinstance(settings, RuntimeSettings):
                sentinel_address(settings.redis_url)  # raises for what the runtime cannot use


def test_the_full_sample_names_sentinels_over_tls() -> None:
    (agent,) = agents(ROOT / "manifests/samples/full.yaml")

    address = sentinel_address(store_url(agent))

    assert address is not None
    assert (address.master, address.is_tls) == ("mymaster", True)
    assert [host for host, _ in address.sentinels] == [
        "redis-0.redis",
        "redis-1.redis",
        "redis-2.redis",
    ]


@pytest.mark.parametrize("service", COMPOSE)
def test_compose_sets_variables_that_are_there(
    service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    kind = SETTINGS[COMPOSE[service]]
    set_there = compose["services"][service]["environment"]
    given = {name: re.sub(r"\$\{\w+:-(\w+)\}", r"\1", text) for name, text in set_there.items()}

    settings = loaded(kind, given, monkeypatch)

    assert [name for name in given if not is_known(name, kind)] == []
    assert set(settings.to_env()) == set(given)


def test_the_chart_sets_variables_that_are_there() -> None:
    template = (ROOT / "charts/codelab-agent/templates/deployment.yaml").read_text()
    names = re.findall(r"name: (CODELAB_\w+)", template)

    assert len(names) > 5
    assert [name for name in names if not is_known(name, OperatorSettings)] == []


@pytest.mark.parametrize("image", ["gateway", "runtime", "llmproxy"])
def test_images_set_variables_that_are_there(image: str) -> None:
    text = (ROOT / "images" / image / "Dockerfile").read_text()
    names = re.findall(r"^ENV (CODELAB_\w+)=", text, re.MULTILINE)

    assert names
    assert [name for name in names if not is_known(name, SETTINGS[image])] == []


def test_the_stack_on_one_machine_sets_fields_that_are_there() -> None:
    """`load` passes over what it does not know, as it must with the environment."""
    tree = ast.parse((ROOT / "client/codelab_client/up.py").read_text())
    kinds: dict[str, Any] = {kind.__name__: kind for kind in SETTINGS.values()}
    unknown, seen = [], set()
    for call in ast.walk(tree):
        match call:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="load")) if (
                name in kinds
            ):
                seen.add(name)
                fields = [keyword.arg for keyword in call.keywords if keyword.arg]
                unknown += [f for f in fields if f not in kinds[name].model_fields]

    assert seen == {"GatewaySettings", "RuntimeSettings", "LLMProxySettings"}
    assert unknown == []

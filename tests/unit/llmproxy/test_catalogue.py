import asyncio
from typing import Any

import pytest

from codelab_core.clock import SYSTEM_CLOCK
from codelab_core.errors import CodelabError
from codelab_core.llm_config import parse_config
from codelab_core.settings import LLMProxySettings
from codelab_llmproxy.catalogue import Catalogue
from codelab_llmproxy.clocks import Limits
from codelab_llmproxy.default_config import default_config
from codelab_llmproxy.known_models import known_models
from codelab_llmproxy.scripted.models import ScriptedModels
from codelab_llmproxy.scripted.provider import ScriptedProvider
from fakes.stage import StageProvider

PROVIDER = ScriptedProvider(ScriptedModels({}), SYSTEM_CLOCK, sleep=asyncio.sleep)
CATALOGUE = Catalogue([PROVIDER], default_config(LLMProxySettings.load(), known_models()))


@pytest.mark.parametrize(
    ("name", "model", "label"),
    [
        ("default", "scripted/agent", "scripted/agent"),
        ("auto", "scripted/agent", "scripted/agent"),
        ("gpt-4o", "scripted/agent", "scripted/agent"),
        ("echo", "echo", "echo"),
        ("scripted/tokens-5@9", "scripted/tokens-5@9", "scripted/tokens"),
    ],
)
def test_models_and_aliases_have_a_target(name: str, model: str, label: str) -> None:
    (target,) = CATALOGUE.resolve(name)

    assert (target.provider, target.model, target.label) == (PROVIDER, model, label)


def test_an_unknown_model_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(CodelabError, match="There is no model 'gpt-9'") as caught:
        CATALOGUE.resolve("gpt-9")

    assert (caught.value.code, caught.value.reason) == ("NOT_FOUND", "unknown_model")
    assert caught.value.details["models"] == [model.id for model in CATALOGUE.models()]


def test_aliases_are_listed_with_what_stands_behind_them() -> None:
    models = CATALOGUE.models()

    assert [model.id for model in models] == [
        *("default", "auto", "gpt-4", "gpt-4o", "claude-3", "local-llama2"),
        *("scripted/agent", "scripted/agent-4k", "scripted/ok", "echo", "scripted/tokens-100@50"),
    ]
    assert models[2].encode() == (
        b'{"id":"gpt-4","name":"gpt-4","provider":"scripted","family":"scripted",'
        b'"context_length":1000000,"max_tokens":100000,"supports_tools":true,"is_available":true}'
    )


def stage(name: str, kind: str = "openai-compatible") -> StageProvider:
    provider = StageProvider()
    provider.name, provider.kind = name, kind
    return provider


def catalogue(*providers: StageProvider, **fields: Any) -> Catalogue:
    """A configuration of these providers, each with the model `stage`."""
    listed = [
        {
            "name": provider.name,
            "kind": provider.kind,
            "base_url": "http://stage",
            "allow_private": True,
            "models": [{"id": "stage"}],
        }
        for provider in providers
    ]
    return Catalogue(providers, parse_config({"version": 1, "providers": listed, **fields}))


def target(provider: str, **fields: Any) -> dict[str, Any]:
    return {"provider": provider, "model": "stage", **fields}


def test_a_route_shares_its_sessions_out_and_keeps_each() -> None:
    """P-12."""
    targets = [target("one", weight=3), target("two"), target("three", priority=1)]
    route = {"targets": targets, "clocks": {"idle_s": 5}}
    found = catalogue(stage("one"), stage("two"), stage("three"), routes={"coder": route})

    names = [found.resolve("default", f"s{n}")[0].provider.name for n in range(400)]
    again = [found.resolve("coder", f"s{n}")[0].provider.name for n in range(400)]

    assert names == again
    assert set(names) == {"one", "two"}
    assert names.count("one") == pytest.approx(300, abs=40)
    assert found.resolve("auto")[0].limits == Limits(3, 60, 60, 5)


def test_models_of_several_are_listed_with_their_provider() -> None:
    found = catalogue(stage("one"), stage("two"), aliases={"mine": "two/stage"})

    assert [model.id for model in found.models()] == [
        *("mine", "default", "auto", "gpt-4", "gpt-4o"),
        *("one/stage", "two/stage"),
    ]
    assert found.resolve("mine")[0].provider.name == "two"
    with pytest.raises(CodelabError, match="unknown_model"):
        found.resolve("stage")


def test_beside_a_real_provider_others_names_lead_nowhere() -> None:
    """X-14."""
    found = catalogue(stage("one", "anthropic"))

    assert [model.id for model in found.models()] == ["default", "auto", "claude-3", "stage"]
    with pytest.raises(CodelabError, match="unknown_model"):
        found.resolve("gpt-4")


def test_a_model_that_its_provider_lost_is_unknown_and_not_listed() -> None:
    class Lost(StageProvider):
        """Has the model no longer, as the scripted provider a scenario that is gone."""

        name = "one"

        def find(self, model: str) -> None:
            """Nothing."""

    lost = Lost()
    route = {"targets": [target("one")]}
    found = catalogue(lost, routes={"coder": route}, aliases={"mine": "stage"})

    for name in ("coder", "mine", "stage"):
        with pytest.raises(CodelabError, match="unknown_model"):
            found.resolve(name)
    assert [model.id for model in found.models()] == ["stage"]


def test_without_a_provider_there_is_no_model() -> None:
    bare = parse_config({"version": 1, "providers": [{"name": "scripted", "kind": "scripted"}]})

    assert Catalogue([], bare).models() == []


def test_a_route_says_whether_an_answer_may_be_given_anew() -> None:
    stage = {
        "name": "stage",
        "kind": "openai-compatible",
        "base_url": "http://stage",
        "allow_private": True,
        "models": [{"id": "stage"}],
    }
    targets = [{"provider": "stage", "model": "stage"}]
    routes = {"firm": {"targets": targets, "rescue": ["align"]}, "free": {"targets": targets}}
    config = parse_config({"version": 1, "providers": [stage], "routes": routes})

    catalogue = Catalogue([StageProvider()], config)

    resolved = {name: catalogue.resolve(name)[0].restarts for name in ("firm", "free", "stage")}
    assert resolved == {"firm": False, "free": True, "stage": True}


def test_the_targets_of_a_route_stand_in_the_order_in_which_they_are_asked() -> None:
    """P-17: by priority, then by weight for each session; those for long conversations last."""
    listed = [target("one", priority=1), target("two", weight=9), target("three")]
    route = {"targets": listed, "larger_context": [target("four")], "rescue": []}
    found = catalogue(*map(stage, ("one", "two", "three", "four")), routes={"coder": route})

    orders = {tuple(t.provider.name for t in found.resolve("coder", f"s{n}")) for n in range(99)}
    targets = found.resolve("coder", "s")

    assert orders == {("two", "three", "one", "four"), ("three", "two", "one", "four")}
    assert [one.is_spare for one in targets] == [False, False, False, True]
    assert {one.restarts for one in targets} == {False}


def test_a_model_has_less_time_where_another_can_stand_in() -> None:
    route = {"targets": [target("one")], "clocks": {"idle_s": 5}}
    found = catalogue(stage("one"), routes={"coder": route})

    assert found.resolve("coder")[0].hurried == Limits(3, 10, 10, 5)

import asyncio

import pytest

from codelab_core.clock import SYSTEM_CLOCK
from codelab_core.errors import CodelabError
from codelab_core.settings import LLMProxySettings
from codelab_llmproxy.catalogue import Catalogue
from codelab_llmproxy.default_config import default_config
from codelab_llmproxy.known_models import known_models
from codelab_llmproxy.scripted.models import ScriptedModels
from codelab_llmproxy.scripted.provider import ScriptedProvider

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
    target = CATALOGUE.resolve(name)

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

import asyncio

import pytest

from codelab_core.clock import SYSTEM_CLOCK
from codelab_llmproxy.providers import Provider
from codelab_llmproxy.scripted.models import ScriptedModels
from codelab_llmproxy.scripted.provider import ScriptedProvider
from fakes.stage import StageProvider


@pytest.mark.parametrize(
    "provider",
    [
        pytest.param(
            ScriptedProvider(ScriptedModels({}), SYSTEM_CLOCK, sleep=asyncio.sleep), id="scripted"
        ),
        pytest.param(StageProvider(), id="stage"),
    ],
)
def test_a_provider_serves_every_model_that_it_lists(provider: Provider) -> None:
    listed = provider.models()

    assert [provider.find(model.id) for model in listed] == list(listed)
    assert listed[0].label == listed[0].id
    assert provider.find("nobody's") is None

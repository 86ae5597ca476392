"""What the LLM proxy says of its models."""

from typing import Any

import pytest

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_runtime.models import FRESH_S, UNLISTED, Models
from codelab_runtime.window import Model
from fakes.clock import HandClock

ENTRY = {"id": "m", "family": "gpt", "context_length": 4_096, "max_tokens": 512}


class Proxy:
    """Answers with what it is given; counts how often it was asked."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.asked = 0

    async def __call__(self) -> Any:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


async def test_a_model_is_known_by_its_id_and_an_unlisted_one_gets_the_defaults() -> None:
    models = Models(Proxy([ENTRY]), HandClock())

    assert await models.facts("m") == Model("gpt", 4_096, 512)
    assert await models.facts("other") == UNLISTED == Model("", 128_000, 8_192)


async def test_the_list_is_asked_for_once_a_minute() -> None:
    proxy, clock = Proxy([ENTRY]), HandClock(0.0)
    models = Models(proxy, clock)

    for clock.now in (0.0, 1.0, FRESH_S, FRESH_S + 0.1):
        await models.facts("m")

    assert proxy.asked == 2


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(CodelabError(Code.UNAVAILABLE, "proxy"), id="down"),
        pytest.param({"error": {}}, id="no-list"),
        pytest.param([{"id": "m"}], id="no-family"),
        pytest.param([ENTRY | {"context_length": "many"}], id="no-number"),
    ],
)
async def test_without_an_answer_the_list_of_before_counts_and_is_asked_for_again(
    answer: Any,
) -> None:
    proxy, clock = Proxy([ENTRY]), HandClock(0.0)
    models = Models(proxy, clock)
    await models.facts("m")

    proxy.answer, clock.now = answer, FRESH_S + 1

    assert [(await models.facts("m")).family for _ in range(2)] == ["gpt", "gpt"]
    assert proxy.asked == 3

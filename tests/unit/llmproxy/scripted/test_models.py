import pytest

from codelab_core.errors import CodelabError
from codelab_llmproxy.scripted.answer import Answer
from codelab_llmproxy.scripted.conversation import Conversation
from codelab_llmproxy.scripted.models import ScriptedModels
from codelab_llmproxy.scripted.scenario import Scenario

SCENARIOS = {"b": Scenario.parse("name: b\nsteps: [{text: said}]")}


def asked(model: str, text: str = "a b", max_tokens: int | None = None) -> Answer:
    messages = [{"role": "user", "content": text}]
    body = {"model": model, "messages": messages, "max_tokens": max_tokens}
    return ScriptedModels(SCENARIOS).answer(Conversation(body))


def test_all_models_are_listed() -> None:
    assert ScriptedModels(SCENARIOS).ids() == (
        "scripted/agent",
        "scripted/agent-4k",
        "scripted/ok",
        "echo",
        "scripted/tokens-100@50",
        "scripted/scenario-b",
    )


@pytest.mark.parametrize(
    ("model", "known"),
    [
        ("scripted/agent", True),
        ("scripted/scenario-b", True),
        ("scripted/scenario-c", False),
        ("scripted/tokens-7", True),
        ("scripted/tokens-7@0.5", True),
        ("scripted/tokens-7@0.5x", False),
        ("scripted/tokens-1000000", False),
        ("gpt-4", False),
    ],
)
def test_models_are_known_by_name(model: str, known: bool) -> None:  # noqa: FBT001 -- a table
    assert ScriptedModels(SCENARIOS).knows(model) is known


def test_each_model_answers_in_its_way() -> None:
    assert asked("echo", "read x then y") == Answer(("Echo:", " read", " x", " then", " y"))
    assert asked("scripted/agent", "echo x") == Answer(("Echo:", " x"))
    assert asked("scripted/agent-4k", "echo x") == Answer(("Echo:", " x"))
    assert len(asked("scripted/ok").pieces) == 60
    assert asked("scripted/tokens-2@7") == Answer(("t00001", " t00002"), pace=7)
    assert asked("scripted/tokens-1") == Answer(("t00001",), pace=50)
    assert asked("scripted/scenario-b") == Answer(("said",))


def test_the_limit_of_a_request_holds() -> None:
    assert asked("echo", max_tokens=2) == Answer(("Echo:", " a"), finish="length")


def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(CodelabError, match="NOT_FOUND/unknown_model"):
        asked("gpt-4")

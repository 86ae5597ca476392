"""Holds conversations with the scripted model, without service and network."""

from typing import Any

import orjson

from codelab_core.protocol.inference import InferenceRequest
from codelab_llmproxy.dialect import Ask, names_of
from codelab_llmproxy.model_facts import ModelFacts
from codelab_llmproxy.scripted.answer import Answer
from codelab_llmproxy.scripted.conversation import Conversation
from codelab_llmproxy.scripted.models import ScriptedModels
from codelab_llmproxy.translate_openai_request import encode_request
from fakes.dialogue import Dialogue

MAX_ANSWERS = 500


def conversation(request: dict[str, Any]) -> Conversation:
    """A neutral request as the model reads it."""
    parsed = InferenceRequest.model_validate(request)
    facts = ModelFacts(parsed.model, parsed.model, "scripted")
    body = encode_request(Ask(parsed, facts, "scripted", names_of(parsed)))
    return Conversation(orjson.loads(body))


def answer(dialogue: Dialogue, models: ScriptedModels | None = None) -> Answer:
    """The next answer, not yet taken."""
    return (models or ScriptedModels({})).answer(conversation(dialogue.request()))


def converse(dialogue: Dialogue, text: str) -> str:
    """Ask, let the model work to its end; returns what it says then."""
    dialogue.ask(text)
    for _ in range(MAX_ANSWERS):
        said = answer(dialogue)
        names = names_of(InferenceRequest.model_validate(dialogue.request()))
        calls = [(names.from_provider(use.name), dict(use.arguments)) for use in said.calls]
        if not dialogue.take("".join(said.pieces), calls):
            return dialogue.last
    raise AssertionError("the model does not come to an end")

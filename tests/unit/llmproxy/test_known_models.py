from codelab_llmproxy.known_models import known_models
from codelab_llmproxy.model_facts import facts_of


def test_each_dialect_has_a_default_with_a_window() -> None:
    known = known_models()

    for kind in ("openai-compatible", "anthropic", "ollama"):
        models = [facts_of(kind, model) for model in known.of(kind)]
        assert all(model.context_window >= 32_768 for model in models)
        assert len({model.id for model in models}) == len(models) > 0


def test_a_model_is_found_under_its_own_dialect_only() -> None:
    known = known_models()
    first = known.of("anthropic")[0]

    assert known.find("anthropic", first.id) == first
    assert known.find("ollama", first.id) is None
    assert known.of("scripted") == ()

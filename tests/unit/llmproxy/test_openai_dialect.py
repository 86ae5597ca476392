from codelab_llmproxy.openai_dialect import OPENAI


def test_a_call_is_a_chat_completion_with_a_bearer_token() -> None:
    assert (OPENAI.path, OPENAI.health_path) == ("/chat/completions", "/models")
    assert OPENAI.headers("k") == {"Authorization": "Bearer k"}

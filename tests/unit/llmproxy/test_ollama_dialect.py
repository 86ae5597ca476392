from codelab_llmproxy.ollama_dialect import OLLAMA


def test_a_server_of_one_s_own_needs_no_key() -> None:
    """P-11."""
    assert OLLAMA.path == "/api/chat"
    assert OLLAMA.headers(None) == {}

from codelab_llmproxy.anthropic_dialect import ANTHROPIC


def test_a_call_names_the_version_of_the_dialect() -> None:
    assert ANTHROPIC.path == "/v1/messages"
    assert ANTHROPIC.headers("k") == {"anthropic-version": "2023-06-01", "x-api-key": "k"}
    assert ANTHROPIC.headers(None) == {"anthropic-version": "2023-06-01"}

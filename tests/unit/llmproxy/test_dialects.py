from codelab_llmproxy.dialects import DIALECTS
from codelab_llmproxy.openai_dialect import OPENAI


def test_kinds_of_providers_have_their_dialect() -> None:
    """P-08."""
    assert DIALECTS["openai-compatible"] is OPENAI

import pytest

from codelab_llmproxy.provider_state import seal, unseal


def test_facts_come_back_to_the_provider_that_made_them() -> None:
    facts = {"reasoning_details": [{"text": "a", "signature": "ß"}]}

    state = seal("scripted", facts)

    assert unseal("scripted", state) == facts
    assert unseal("other", state) == {}


def test_nothing_to_keep_is_no_state() -> None:
    assert seal("scripted", {}) is None


@pytest.mark.parametrize("state", [None, "", "{", "[]", "1", '{"provider":1}', '{"x":1}'])
def test_a_garbled_state_is_empty(state: str | None) -> None:
    assert unseal("scripted", state) == {}

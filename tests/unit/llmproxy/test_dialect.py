from codelab_core.protocol.inference import InferenceRequest
from codelab_llmproxy.dialect import bearer, names_of


def test_names_of_the_history_are_mapped_as_those_on_offer() -> None:
    call = {"call_id": "c", "name": "old.tool", "arguments": {}}
    request = InferenceRequest.model_validate(
        {
            "messages": [{"role": "assistant", "tool_calls": [call]}],
            "tools": [{"name": "git.diff"}],
        }
    )

    names = names_of(request)

    assert [names.to_provider(name) for name in ("git.diff", "old.tool", "new.tool")] == [
        "git_diff",
        "old_tool",
        "new.tool",
    ]


def test_a_key_goes_into_one_header() -> None:
    assert bearer("k") == {"Authorization": "Bearer k"}
    assert bearer(None) == {}

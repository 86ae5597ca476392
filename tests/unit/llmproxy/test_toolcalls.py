import random
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codelab_core.errors import CodelabError
from codelab_core.protocol.inference import WholeCall
from codelab_llmproxy.object_scan import MAX_DEPTH
from codelab_llmproxy.toolcalls import MAX_ARGUMENT_CHARS, CallAssembler, Fragment

ARGUMENTS = {"path": 'a"b\\.py', "content": "{[\n}]\\", "deep": {"list": [1, {"x": "\u2028"}]}}
TEXT = orjson.dumps(ARGUMENTS).decode()

json_objects = st.dictionaries(
    st.text(max_size=4),
    st.recursive(
        st.none() | st.booleans() | st.integers(-9, 9) | st.text('ab"\\{}[]\n é', max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
        max_leaves=5,
    ),
    max_size=3,
)


def whole(index: int, name: str, arguments: dict[str, Any]) -> WholeCall:
    return WholeCall(index=index, name=name, arguments=arguments)


def assembled(*fragments: Fragment) -> list[WholeCall]:
    calls = CallAssembler()
    for fragment in fragments:
        calls.add(fragment)
    return calls.finish()


def is_refused(*fragments: Fragment) -> bool:
    try:
        assembled(*fragments)
    except CodelabError as error:
        return (str(error.code), error.reason) == ("MODEL_OUTPUT_INVALID", "tool_call_incomplete")
    return False


@settings(max_examples=200)
@given(json_objects)
def test_an_object_cut_at_any_character_never_becomes_a_call(value: dict[str, Any]) -> None:
    text = orjson.dumps(value).decode()

    finished = [
        at for at in range(1, len(text)) if not is_refused(Fragment(0, "x", "read", text[:at]))
    ]

    assert finished == []


@pytest.mark.parametrize(
    "text",
    ["[1]", '"a"', "1", "null", "{} {}", "{}x", "}", "{'a':1}", "{]", '{"a":NaN}', "x{}", "{}]"],
)
def test_text_that_is_no_single_json_object_is_refused(text: str) -> None:
    assert is_refused(Fragment(0, "x", "read", text))


def test_white_space_around_the_object_is_allowed() -> None:
    calls = assembled(Fragment(0, "x", "read", " \n{} "), Fragment(0, None, None, "\n"))

    assert calls == [whole(0, "read", {})]


def test_no_argument_text_at_all_means_no_arguments() -> None:
    calls = assembled(Fragment(0, "x", "read"), Fragment(1, "y", "list", " "))

    assert calls == [whole(0, "read", {}), whole(1, "list", {})]


def test_a_call_without_a_name_is_refused() -> None:
    assert is_refused(Fragment(0, "x", None, "{}"))


def test_nesting_is_bounded() -> None:
    inside = '{"a":' * MAX_DEPTH + "1" + "}" * MAX_DEPTH

    assert not is_refused(Fragment(0, "x", "read", inside))
    assert is_refused(Fragment(0, "x", "read", '{"a":' + inside + "}"))


def test_size_is_bounded() -> None:
    calls = CallAssembler()
    calls.add(Fragment(0, "x", "write", '{"a":"' + "x" * (MAX_ARGUMENT_CHARS - 6)))

    with pytest.raises(CodelabError, match="too long"):
        calls.add(Fragment(0, None, None, "y"))


def test_one_bad_call_makes_none_of_the_rest() -> None:
    assert is_refused(Fragment(0, "x", "read", "{}"), Fragment(1, "y", "read", '{"a'))


def test_a_closed_call_is_given_out_when_the_next_begins() -> None:
    calls = CallAssembler()

    calls.add(Fragment(0, "x", "read", "{}"))
    before = calls.take()
    calls.add(Fragment(1, "y", "list", '{"a"'))
    after = calls.take()

    assert (before, after, len(calls)) == ([], [whole(0, "read", {})], 2)


def test_calls_come_in_the_order_of_their_index() -> None:
    calls = CallAssembler()

    calls.add(Fragment(0, "x", "read", "{"))
    calls.add(Fragment(1, "y", "list", "{}"))
    calls.add(Fragment(2, "z", "echo", "{}"))
    early = calls.take()
    calls.add(Fragment(0, "x", None, "}"))

    assert early == []
    assert [call.name for call in calls.finish()] == ["read", "list", "echo"]


def test_a_call_is_given_out_once() -> None:
    calls = CallAssembler()
    calls.add(Fragment(0, "x", "read", "{}"))

    assert len(calls.finish()) == 1
    assert calls.finish() == []


def test_text_after_a_call_was_given_out_is_refused() -> None:
    calls = CallAssembler()
    calls.add(Fragment(0, "x", "read", "{}"))
    calls.add(Fragment(1, "y", "read", "{}"))

    with pytest.raises(CodelabError):
        calls.add(Fragment(0, None, None, "{}"))


@pytest.mark.parametrize(
    ("fragments", "names"),
    [
        pytest.param(
            [Fragment(1, "x", "a", '{"n"'), Fragment(1, None, None, ":1}")],
            ["a"],
            id="index-from-1",
        ),
        pytest.param(
            [Fragment(None, "x", "a", '{"n":1}'), Fragment(None, "y", "b", '{"n":1}')],
            ["a", "b"],
            id="no-index",
        ),
        pytest.param(
            [Fragment(0, "x", "a", '{"n":1}'), Fragment(0, "y", "a", '{"n":1}')],
            ["a", "a"],
            id="always-0-with-new-ids",
        ),
        pytest.param(
            [Fragment(0, "x", "a"), Fragment(0, "y", None, '{"n":'), Fragment(0, "z", None, "1}")],
            ["a"],
            id="new-id-on-every-delta",
        ),
        pytest.param(
            [Fragment(0, "x", "a"), Fragment(0, "y", "a", '{"n":'), Fragment(0, "z", "a", "1}")],
            ["a"],
            id="new-id-and-name-on-every-delta",
        ),
        pytest.param(
            [Fragment(0, "x", "a", '{"n"'), Fragment(0, "x", "a", ":1}"), Fragment(0, "x", "a")],
            ["a"],
            id="name-repeated",
        ),
        pytest.param(
            [Fragment(0, None, "a", '{"n":1}'), Fragment(0, None, "a", "")],
            ["a"],
            id="name-repeated-without-ids",
        ),
        pytest.param(
            [Fragment(None, None, "a", '{"n":1}'), Fragment(None, None, "a", '{"n":1}')],
            ["a", "a"],
            id="nothing-but-names",
        ),
        pytest.param(
            [Fragment(0, "x", None), Fragment(0, None, "a", '{"n":1}')], ["a"], id="name-later"
        ),
        pytest.param(
            [Fragment(0, "x", "a", '{"n":1}'), Fragment(0, "y", "b", '{"n":1}')],
            ["a", "b"],
            id="other-name-at-the-same-index",
        ),
        pytest.param(
            [
                Fragment(0, "same", "a", '{"n"'),
                Fragment(1, "same", "b", '{"n"'),
                Fragment(0, "same", None, ":1}"),
                Fragment(1, "same", None, ":1}"),
            ],
            ["a", "b"],
            id="one-id-for-all",
        ),
        pytest.param(
            [
                Fragment(None, "x", "a", '{"n"'),
                Fragment(None, "y", "b", '{"n"'),
                Fragment(None, "x", None, ":1}"),
                Fragment(None, "y", None, ":1}"),
            ],
            ["a", "b"],
            id="interleaved-by-id-alone",
        ),
    ],
)
def test_quirks_of_identity_are_absorbed(fragments: list[Fragment], names: list[str]) -> None:
    calls = assembled(*fragments)

    assert calls == [whole(index, name, {"n": 1}) for index, name in enumerate(names)]


@settings(max_examples=200)
@given(st.randoms(use_true_random=False))
def test_interleaved_calls_stay_apart_wherever_they_are_cut(source: random.Random) -> None:
    texts = [orjson.dumps({"n": n, "text": 'x"}\\{'}).decode() for n in range(4)]
    queues = [[Fragment(n, f"id{n}", f"tool{n}")] for n in range(4)]
    for n, text in enumerate(texts):
        cuts = sorted(source.sample(range(len(text)), 3))
        pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
        queues[n] += [Fragment(n, None, None, piece) for piece in pieces]
    calls = CallAssembler()
    given_out = []

    for queue in queues:
        calls.add(queue.pop(0))
    while any(queues):
        queue = source.choice([queue for queue in queues if queue])
        calls.add(queue.pop(0))
        given_out += calls.take()
    given_out += calls.finish()

    assert given_out == [whole(n, f"tool{n}", orjson.loads(texts[n])) for n in range(4)]


def test_a_call_that_its_provider_closed_is_given_out_at_once() -> None:
    calls = CallAssembler()
    calls.add(Fragment(1, "x", "read", '{"a":1}'))
    calls.add(Fragment(2, "y", "read", ""))

    calls.end(1)
    first = calls.take()
    calls.end(1)
    calls.end(9)
    calls.end(2)

    assert first == [whole(0, "read", {"a": 1})]
    assert calls.take() == [whole(1, "read", {})]
    assert calls.finish() == []


def test_a_closed_call_waits_for_those_before_it() -> None:
    calls = CallAssembler()
    calls.add(Fragment(0, "x", "read", '{"a":'))
    calls.add(Fragment(1, "y", "grep", '{"b":2}'))

    calls.end(1)
    early = calls.take()
    calls.add(Fragment(0, None, None, "1}"))
    calls.end(0)

    assert early == []
    assert calls.take() == [whole(0, "read", {"a": 1}), whole(1, "grep", {"b": 2})]


@pytest.mark.parametrize("text", ["{", '{"a":', '{"a":1'])
def test_a_call_closed_before_it_is_whole_is_an_error(text: str) -> None:
    calls = CallAssembler()
    calls.add(Fragment(0, "x", "read", text))

    with pytest.raises(CodelabError, match="it is not complete"):
        calls.end(0)

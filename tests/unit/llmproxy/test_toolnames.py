import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codelab_core.tools import BUILT_IN
from codelab_llmproxy.toolnames import ToolNames

LEGAL = re.compile(r"[A-Za-z0-9_-]{1,64}")

names = st.text(st.sampled_from("ab._-: é"), min_size=1, max_size=70)


def test_the_six_tools_do_not_collide() -> None:
    table = ToolNames(BUILT_IN)

    mapped = {name: table.to_provider(name) for name in BUILT_IN}

    assert mapped == {name: name.replace(".", "_") for name in BUILT_IN}
    assert [table.from_provider(theirs) for theirs in mapped.values()] == list(BUILT_IN)


@pytest.mark.parametrize(
    ("known", "name", "expected"),
    [
        pytest.param(["git.diff", "git_diff"], "git_diff", "git_diff", id="legal-keeps-itself"),
        pytest.param(
            ["git.diff", "git_diff"], "git.diff", "git_diff_89ad7515", id="collision-has-a-suffix"
        ),
        pytest.param(["a.b", "a:b"], "a:b", "a_b_6783a31e", id="both-of-two-have-one"),
        pytest.param(["x" * 65], "x" * 65, "x" * 55 + "_9537c5fd", id="cut-has-one"),
        pytest.param(["x." * 32], "x." * 32, "x_" * 32, id="64-is-not-cut"),
    ],
)
def test_names_that_providers_refuse_are_mapped(known: list[str], name: str, expected: str) -> None:
    table = ToolNames(known)

    assert table.to_provider(name) == expected
    assert table.from_provider(expected) == name


@settings(max_examples=200)
@given(st.lists(names, max_size=6, unique=True))
def test_every_name_goes_to_a_legal_one_and_back(known: list[str]) -> None:
    table = ToolNames(known)

    theirs = [table.to_provider(name) for name in known]

    assert all(map(LEGAL.fullmatch, theirs))
    assert [table.from_provider(name) for name in theirs] == known
    assert theirs == [ToolNames(known[::-1]).to_provider(name) for name in known]


def test_an_invented_name_passes_through() -> None:
    table = ToolNames(["git.diff"])

    assert (table.from_provider("rm -rf"), table.to_provider("rm -rf")) == ("rm -rf", "rm -rf")

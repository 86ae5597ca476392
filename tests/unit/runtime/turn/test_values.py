from dataclasses import fields, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codelab_runtime.turn.state import Call, SessionState, Turn
from codelab_runtime.turn.values import changed

STATE = SessionState("s1")


@settings(max_examples=200)
@given(head=st.integers(), title=st.text(), closed=st.booleans())
def test_a_changed_value_is_what_replace_makes(head: int, title: str, *, closed: bool) -> None:
    made = changed(STATE, head=head, title=title, closed=closed)

    assert made == replace(STATE, head=head, title=title, closed=closed)
    assert replace(STATE) == STATE


def test_a_field_that_does_not_exist_is_refused() -> None:
    with pytest.raises(TypeError, match="SessionState has no field hat, tail"):
        changed(STATE, tail=1, head=2, hat=3)


@pytest.mark.parametrize("kind", [SessionState, Turn, Call])
def test_every_value_of_the_state_may_be_changed_so(kind: type) -> None:
    """Slots are all fields, and nothing happens when one is made."""
    names = {field.name for field in fields(kind)}

    assert set(vars(kind)["__slots__"]) == names
    assert not hasattr(kind, "__post_init__")

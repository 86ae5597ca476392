import pytest

from codelab_core.settings import GatewaySettings, LLMProxySettings, RuntimeSettings
from codelab_core.settings_marks import Offered, Since


def test_marks_of_the_same_kind_are_equal() -> None:
    assert (Offered(), Since("0.2.0")) == (Offered(), Since("0.2.0"))
    assert Since("0.2.0") != Since("0.3.0")


@pytest.mark.parametrize("kind", [GatewaySettings, RuntimeSettings, LLMProxySettings])
def test_a_field_that_people_may_set_bears_its_mark(kind: type[GatewaySettings]) -> None:
    """Where a secret or an address is, is the operator's business."""
    offered = {name for name, field in kind.model_fields.items() if Offered() in field.metadata}

    assert "log_level" in offered
    assert not [name for name in offered if name.endswith(("_file", "_url", "_prefix"))]
    assert offered.isdisjoint({"auth_mode", "embedded", "allow_sample_key", "host", "port"})

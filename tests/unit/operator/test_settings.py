"""Settings of the operator."""

import pytest

from codelab_operator.settings import OperatorSettings


@pytest.mark.parametrize(
    ("namespaces", "served"),
    [
        pytest.param("", (), id="all"),
        pytest.param("one", ("one",), id="one"),
        pytest.param(" one, two ,", ("one", "two"), id="spaces"),
    ],
)
def test_namespaces_are_a_list_with_commas(namespaces: str, served: tuple[str, ...]) -> None:
    assert OperatorSettings.exactly(namespaces=namespaces).served() == served


def test_a_write_that_starts_before_the_deadline_lands_before_anybody_else_leads() -> None:
    settings = OperatorSettings.exactly()

    assert settings.lease_renew_s < settings.lease_deadline_s
    assert settings.lease_deadline_s + 4 < settings.lease_duration_s

from typing import Any

import pytest

from codelab_operator.rule_checks import (
    has_agent_name,
    has_known_targets,
    has_no_own_labels,
    has_no_own_variables,
    is_one_of_three_servers,
    is_same,
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a", True), ("a-1", True), ("a-", False), ("A", False), ("a" * 41, False), ("a\n", False)],
)
def test_an_agent_name_is_one_that_services_can_bear(name: str, *, expected: bool) -> None:
    assert has_agent_name({"metadata": {"name": name}}, None) is expected


@pytest.mark.parametrize(
    ("component", "expected"),
    [
        ({}, True),
        ({"env": [{"name": "A"}, {"name": "xCODELAB_A"}]}, True),
        ({"env": [{"name": "A"}, {"name": "CODELAB_A"}]}, False),
    ],
)
def test_variables_of_the_services_are_the_operators(component: Any, *, expected: bool) -> None:
    assert has_no_own_variables(component, None) is expected


@pytest.mark.parametrize(
    ("component", "expected"),
    [
        ({}, True),
        ({"podLabels": {"team": "a"}}, True),
        ({"podLabels": {"team": "a", "codelab.dev/x": "b"}}, False),
        ({"podLabels": {"app.kubernetes.io/name": "b"}}, False),
    ],
)
def test_labels_of_selectors_are_the_operators(component: Any, *, expected: bool) -> None:
    assert has_no_own_labels(component, None) is expected


@pytest.mark.parametrize(
    ("external", "expected"),
    [
        ({}, False),
        ({"url": "x"}, True),
        ({"cluster": {}}, True),
        ({"url": "x", "sentinel": {}}, False),
    ],
)
def test_there_is_one_way_to_an_external_server(external: Any, *, expected: bool) -> None:
    assert is_one_of_three_servers(external, None) is expected


@pytest.mark.parametrize(
    ("own", "old", "expected"),
    [
        ({"a": 1}, None, True),
        ({"a": 1}, {"a": 1, "b": 2}, True),
        ({"a": 1}, {"a": 2}, False),
        ({"a": 1}, {}, False),
        ({}, {}, True),
    ],
)
def test_a_field_stays_as_it_was(own: Any, old: Any, *, expected: bool) -> None:
    assert is_same("a")(own, old) is expected


@pytest.mark.parametrize(
    ("routes", "expected"),
    [
        (None, True),
        ([{"targets": [{"provider": "one"}]}], True),
        ([{"targets": [{"provider": "one"}, {"provider": "two"}]}], False),
        ([{"targets": [{"provider": "one"}]}, {}], True),
    ],
)
def test_targets_name_providers(routes: Any, *, expected: bool) -> None:
    spec: dict[str, Any] = {"providers": [{"name": "one"}]}
    spec |= {} if routes is None else {"routes": routes}

    assert has_known_targets("targets")(spec, None) is expected

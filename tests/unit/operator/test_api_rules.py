import re
from typing import Any

import pytest

from codelab_operator.api_rules import RULES, Rule, Violation, violations
from codelab_operator.api_spec import Spec
from fixtures.agent_specs import REFUSED, UPDATES


def whole(spec: dict[str, Any]) -> dict[str, Any]:
    filled = Spec.model_validate(spec).model_dump(by_alias=True, exclude_none=True)
    return {"metadata": {"name": "team-a"}, "spec": filled}


@pytest.mark.parametrize("case", UPDATES)
def test_an_update_may_not_lose_sessions_or_touch_a_volume(case: str) -> None:
    old, new, field = UPDATES[case]

    broken = [one.field for one in violations(whole(new), whole(old))]

    assert broken == ([field] if field else [])


def test_a_creation_knows_no_earlier_values() -> None:
    spec = {"redis": {"managed": {"size": "2Gi", "storageClassName": "fast"}}}

    assert list(violations(whole(spec))) == []


def test_every_broken_rule_is_told_with_its_place() -> None:
    spec = {
        "gateway": {"replicas": 1, "autoscaling": {"maxReplicas": 1}},
        "llmproxy": {
            "providers": [
                {"name": "one", "kind": "scripted"},
                {"name": "two", "kind": "ollama"},
            ]
        },
    }

    broken = list(violations(whole(spec)))

    assert broken == [
        Violation("spec.gateway.replicas", "replicas and autoscaling exclude each other"),
        Violation("spec.gateway.autoscaling.minReplicas", "minReplicas is at most maxReplicas"),
        Violation("spec.llmproxy.providers[1].baseUrl", "this kind of provider needs baseUrl"),
    ]


def test_every_rule_is_refused_once_in_the_table() -> None:
    seen = {violation.message for spec in _well_typed() for violation in violations(whole(spec))}
    seen |= {
        one.message
        for old, new, _ in UPDATES.values()
        for one in violations(whole(new), whole(old))
    }
    seen |= {one.message for one in violations({"metadata": {"name": "0"}, "spec": {}})}

    assert {rule.message for rule in RULES} - seen == set()


def _well_typed() -> list[dict[str, Any]]:
    specs = []
    for spec, _ in REFUSED.values():
        try:
            Spec.model_validate(spec)
        except ValueError:
            continue
        specs.append(spec)
    return specs


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.message)
def test_an_expression_guards_every_field_with_a_default(rule: Rule) -> None:
    """The API server checks `{}`, the default of a parent, before the defaults nested in it."""
    defaulted = {"minReplicas", "modes", "type", "sessionAffinity", "allowPrivate", "size"}
    used = set(re.findall(r"self\.(\w+)", rule.expression)) & defaulted

    assert all(f"has(self.{field})" in rule.expression for field in used)

import pytest
from pydantic import ValidationError

from codelab_core.approval_rules import ApprovalRule


@pytest.mark.parametrize(
    ("rule", "tool", "paths", "expected"),
    [
        pytest.param(("*", None, "ask"), "write_file", (), True, id="every-tool"),
        pytest.param(("write_*", None, "ask"), "read_file", (), False, id="other-tool"),
        pytest.param(("git.diff", None, "deny"), "git.diff", ("a",), True, id="no-path-rule"),
        pytest.param(("*", "docs/*", "auto"), "w", ("docs/a", "docs/b/c"), True, id="auto-all"),
        pytest.param(("*", "docs/*", "auto"), "w", ("docs/a", "src/b"), False, id="auto-one-not"),
        pytest.param(("*", "docs/*", "auto"), "w", (), False, id="auto-no-paths"),
        pytest.param(("*", "docs/*", "ask"), "w", ("docs/a", "src/b"), True, id="ask-one"),
        pytest.param(("*", "*.env", "deny"), "w", ("a", "b/.env"), True, id="deny-one"),
        pytest.param(("*", "*.env", "deny"), "w", ("a", "b"), False, id="deny-none"),
        pytest.param(("*", "*.ENV", "deny"), "w", ("b/.env",), False, id="case-counts"),
    ],
)
def test_a_rule_covers_the_calls_it_speaks_of(
    rule: tuple[str, str | None, str], tool: str, paths: tuple[str, ...], *, expected: bool
) -> None:
    name, path, decision = rule

    parsed = ApprovalRule.model_validate({"tool": name, "path": path, "decision": decision})

    assert parsed.covers(tool, paths) is expected


def test_a_rule_with_an_unknown_field_is_refused() -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        ApprovalRule.model_validate({"tool": "*", "decision": "ask", "paths": "x"})

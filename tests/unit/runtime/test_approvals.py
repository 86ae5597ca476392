import pytest

from codelab_core.approval_rules import ApprovalRule
from codelab_runtime.approvals import Verdict, stricter, verdict

DOCS = ApprovalRule(tool="write_*", path="docs/*", decision="auto")
NEVER = ApprovalRule(tool="write_file", decision="deny")
ASK = ApprovalRule(tool="read_file", path="secret/*", decision="ask")
RULES = (DOCS, NEVER, ASK)


@pytest.mark.parametrize(
    ("tool", "kind", "paths", "reviewed", "wanted"),
    [
        pytest.param("read_file", "read", ("a",), False, "auto", id="reading"),
        pytest.param("prompt_user", "prompt", (), False, "auto", id="asking"),
        pytest.param("apply_patch", "write", ("a",), False, "ask", id="writing"),
        pytest.param("apply_patch", "write", ("a",), True, "auto", id="just reviewed"),
        pytest.param("deploy", None, (), False, "ask", id="nobody knows what it does"),
        pytest.param("write_file", "write", ("docs/a",), False, "auto", id="first rule"),
        pytest.param("write_file", "write", ("src/a",), False, "deny", id="second rule"),
        pytest.param("write_file", "write", ("docs/a", "src/a"), True, "deny", id="all paths"),
        pytest.param("read_file", "read", ("a", "secret/b"), False, "ask", id="one path"),
    ],
)
def test_the_first_rule_that_applies_decides(
    tool: str, kind: str | None, paths: tuple[str, ...], wanted: Verdict, *, reviewed: bool
) -> None:
    assert verdict(tool, kind, paths, RULES, reviewed=reviewed) == wanted


@pytest.mark.parametrize(
    ("one", "other", "wanted"),
    [("auto", "auto", "auto"), ("auto", "ask", "ask"), ("deny", "ask", "deny")],
)
def test_of_two_verdicts_the_stricter_one_holds(
    one: Verdict, other: Verdict, wanted: Verdict
) -> None:
    assert (stricter(one, other), stricter(other, one)) == (wanted, wanted)

import pytest

from codelab_core.approval_rules import ApprovalRule
from codelab_core.tools import BUILT_IN
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


READ = {"read_file", "git.diff"}
QUESTION = {"apply_patch_review", "prompt_user"}


@pytest.mark.parametrize("tool", sorted(BUILT_IN))
@pytest.mark.parametrize("rule", ["none", "auto", "ask", "deny"])
def test_each_of_the_six_asks_as_its_kind_and_the_rules_say(tool: str, rule: str) -> None:
    """R-18, X-17."""
    rules = [] if rule == "none" else [ApprovalRule(tool=tool, decision=rule)]

    found = verdict(tool, BUILT_IN[tool].kind, ("a",), rules, reviewed=False)

    by_kind = "auto" if tool in READ | QUESTION else "ask"
    assert found == (by_kind if rule == "none" else rule)


@pytest.mark.parametrize(("kind", "wanted"), [("read", "auto"), ("write", "ask"), (None, "ask")])
def test_a_declared_tool_asks_unless_it_says_that_it_only_reads(
    kind: str | None, wanted: Verdict
) -> None:
    """R-18."""
    assert verdict("deploy", kind, (), (), reviewed=False) == wanted

import pytest

from codelab_core.patch.anchors import enclosed
from codelab_core.patch.failures import Budget
from codelab_core.patch.search_index import SearchIndex

PYTHON = """\
class A:
    def f(
        self,
    ) -> None:
        one()

    def g(self):
        two()

class B:
    def f(
        self,
    ) -> None:
        one()
"""
BRACES = """\
int f(void)
{
    one();
}

int g(void) {
    one();
};
int h;
"""
FLAT = """\
[a]
x = 1
[b]
x = 1
"""


def region(text: str, *anchors: str) -> tuple[int, int] | None:
    found = enclosed(anchors, SearchIndex(text.splitlines(), Budget()))
    return None if found is None else (found.start, found.stop)


@pytest.mark.parametrize(
    ("text", "anchors", "lines"),
    [
        pytest.param(PYTHON, ["class A:"], (0, 9), id="class"),
        pytest.param(PYTHON, ["class B:"], (9, 14), id="class-at-the-end"),
        pytest.param(PYTHON, ["  def g(self):"], (6, 9), id="method-whatever-its-indent"),
        pytest.param(PYTHON, ["class B:", "def f("], (10, 14), id="method-inside-a-class"),
        pytest.param(PYTHON, ["class A:", "def f("], (1, 6), id="signature-over-lines"),
        pytest.param(BRACES, ["int f(void)"], (0, 5), id="brace-on-its-own-line"),
        pytest.param(BRACES, ["int g(void) {"], (5, 8), id="closing-brace"),
        pytest.param(FLAT, ["[a]"], (0, 1), id="no-indent-no-extent"),
        pytest.param(PYTHON, ["class C:", "class B:"], (9, 14), id="unknown-one-is-passed-over"),
        pytest.param(PYTHON, ["class B:", "class C:"], (9, 14), id="then-the-one-before-counts"),
    ],
)
def test_an_anchor_encloses_what_is_indented_deeper(
    text: str, anchors: list[str], lines: tuple[int, int]
) -> None:
    assert region(text, *anchors) == lines


@pytest.mark.parametrize(
    "anchors", [[], ["def f("], ["class C:"]], ids=["none", "occurs-twice", "unknown"]
)
def test_without_a_single_anchor_there_is_no_region(anchors: list[str]) -> None:
    assert region(PYTHON, *anchors) is None

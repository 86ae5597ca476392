import pytest

from codelab_llmproxy.scripted.diffs import apply_edits, split_lines
from codelab_llmproxy.scripted.logging_lines import MAX_LINE_CHARS, log_lines

PYTHON = '''"""Module."""
from __future__ import annotations

import os

def plain(x):
    return x

async def documented():
    """Says what."""
    return 1

def stub():
    """Only this."""

def one_line(): return 1

class A:
    def method(self):
        def inner():
            pass
        return inner

    def nested_first(self):
        @decorated
        def inner():
            pass
'''
PYTHON_LOGGED = '''"""Module."""
from __future__ import annotations
import logging

import os

def plain(x):
    logging.info("plain called")
    return x

async def documented():
    """Says what."""
    logging.info("documented called")
    return 1

def stub():
    """Only this."""
    logging.info("stub called")

def one_line(): return 1

class A:
    def method(self):
        logging.info("method called")
        def inner():
            logging.info("inner called")
            pass
        return inner

    def nested_first(self):
        logging.info("nested_first called")
        @decorated
        def inner():
            logging.info("inner called")
            pass
'''
SCRIPT = """export function login(user) {
    return user;
}
const logout = async () => {
  done();
}
export default async function () {
}
class A {
  async get(id) {

  }
}
if (x) {
  y();
}
for (;;) {
}
const one = () => 1;
let f = function (a) {
\tg();
}
"""
SCRIPT_LOGGED = """export function login(user) {
    console.log("login called");
    return user;
}
const logout = async () => {
  console.log("logout called");
  done();
}
export default async function () {
  console.log("function called");
}
class A {
  async get(id) {
    console.log("get called");

  }
}
if (x) {
  y();
}
for (;;) {
}
const one = () => 1;
let f = function (a) {
\tconsole.log("f called");
\tg();
}
"""


def logged(path: str, text: str) -> str:
    change = log_lines(path)
    assert change is not None
    return apply_edits(split_lines(text), change(split_lines(text)))


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        pytest.param("a.py", PYTHON, PYTHON_LOGGED, id="python"),
        pytest.param("a.js", SCRIPT, SCRIPT_LOGGED, id="javascript"),
        pytest.param("a/b.TSX", SCRIPT, SCRIPT_LOGGED, id="typescript"),
        pytest.param(
            "a.py",
            "import logging\ndef f():\n    x()\n",
            'import logging\ndef f():\n    logging.info("f called")\n    x()\n',
            id="imported-already",
        ),
        pytest.param(
            "a.py",
            "def f():\n    x()\n",
            'import logging\ndef f():\n    logging.info("f called")\n    x()\n',
            id="import-first",
        ),
        pytest.param(
            "a.py",
            "é = 1\ndef f(\n    a,\n):\n    x()\n",
            'import logging\né = 1\ndef f(\n    a,\n):\n    logging.info("f called")\n    x()\n',
            id="signature-of-many-lines",
        ),
        pytest.param("a.py", "x = 1\n", "x = 1\n", id="no-function"),
        pytest.param("a.py", "def f(:\n", "def f(:\n", id="no-python"),
        pytest.param("a.py", "def f():\r\n  x()\r\n", "def f():\r\n  x()\r\n", id="crlf"),
        pytest.param(
            "a.py", 'def f():\n    """D."""', 'def f():\n    """D."""', id="no-last-break"
        ),
        pytest.param("a.js", "function f() {", "function f() {", id="nothing-inside"),
        pytest.param(
            "a.js",
            f"function f() {{{' ' * MAX_LINE_CHARS}{{\n}}\n",
            f"function f() {{{' ' * MAX_LINE_CHARS}{{\n}}\n",
            id="endless-line",
        ),
    ],
)
def test_each_function_gets_a_line_at_its_head(path: str, text: str, expected: str) -> None:
    assert logged(path, text) == expected


@pytest.mark.parametrize("path", ["a.go", "Makefile", "a"])
def test_other_languages_are_not_known(path: str) -> None:
    assert log_lines(path) is None

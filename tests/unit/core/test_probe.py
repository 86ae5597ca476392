import subprocess
import sys

import pytest

from codelab_core.probe import is_ready
from fakes.http_server import Reply, http_server


@pytest.mark.parametrize(("status", "expected"), [(200, True), (503, False), (404, False)])
def test_a_service_is_ready_when_it_says_so(status: int, *, expected: bool) -> None:
    with http_server(Reply(status, b"{}")) as server:
        ready = is_ready(server.server_port)

    assert ready is expected
    assert [path for _, path, _ in server.requests] == ["/health/ready"]


def test_where_nobody_listens_nothing_is_ready() -> None:
    assert is_ready(9) is False


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
def test_the_exit_code_says_it_too(status: int, code: int) -> None:
    with http_server(Reply(status, b"{}")) as server:
        command = [sys.executable, "-m", "codelab_core.probe", str(server.server_port)]
        outcome = subprocess.run(command, capture_output=True, check=False, timeout=20)

    assert (outcome.returncode, outcome.stdout, outcome.stderr) == (code, b"", b"")

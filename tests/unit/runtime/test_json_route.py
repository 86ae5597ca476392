from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from codelab_core.service import Service, build_app
from codelab_runtime.json_route import MAX_BODY_BYTES, JsonRoute


def client() -> httpx2.AsyncClient:
    app = build_app(Service("agent-runtime"))
    app.router.route_class = JsonRoute

    @app.post("/size")
    async def size(body: dict[str, Any]) -> int:
        return len(body)

    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://test")


async def pieces(count: int, size: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b" " * size


@pytest.mark.parametrize(
    ("body", "status"),
    [(b'{"a":1}', 200), (b'{"a":NaN}', 400), (b'{"a":"\\ud800"}', 400), (b"{", 400), (b"", 400)],
)
async def test_a_body_is_strict_json(body: bytes, status: int) -> None:
    async with client() as http:
        answer = await http.post(
            "/size", content=body, headers={"content-type": "application/json"}
        )

    assert answer.status_code == status


async def test_a_body_that_says_it_is_too_large_is_not_read() -> None:
    async with client() as http:
        answer = await http.post("/size", content=b"x" * (MAX_BODY_BYTES + 1))

    assert (answer.status_code, answer.json()["error"]["details"]) == (
        413,
        {"max": MAX_BODY_BYTES},
    )


async def test_a_body_without_a_size_is_read_up_to_the_limit() -> None:
    async with client() as http:
        large = await http.post("/size", content=pieces(3, MAX_BODY_BYTES // 2))
        small = await http.post("/size", content=pieces(2, 10))

    assert (large.status_code, small.status_code) == (413, 400)

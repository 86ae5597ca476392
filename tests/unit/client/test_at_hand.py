from pathlib import Path

from codelab_client.at_hand import opened_gateway
from codelab_client.opening import Where
from codelab_client.places import Gateway, codelab_folder
from codelab_client.up import Options, stack


async def test_a_gateway_that_is_named_is_used(tmp_path: Path) -> None:
    where = Where(tmp_path, url="ws://h:1", token="secret")

    async with opened_gateway(where) as gateway:
        assert gateway == Gateway("http://h:1", "secret")


async def test_the_gateway_of_this_machine_is_found(tmp_path: Path) -> None:
    options = Options(codelab_folder(tmp_path), gateway_port=0, runtime_port=0, llmproxy_port=0)

    async with stack(options) as running, opened_gateway(Where(tmp_path)) as gateway:
        assert gateway == Gateway(running.gateway_url, None)


async def test_without_any_gateway_one_is_started_for_the_occasion(tmp_path: Path) -> None:
    async with opened_gateway(Where(tmp_path)) as gateway:
        answer = await gateway.request("GET", "/health")

    assert answer["status"] == "healthy"

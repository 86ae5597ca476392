import pytest

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.middleware import Scope
from codelab_gateway.sources import MAX_SOURCES, Sources, parse_networks, source_of

PROXIES = parse_networks("10.0.0.0/8, 192.0.2.1,fd00::/8")


def scope(client: str | None, *forwarded: str) -> Scope:
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    return {"client": None if client is None else (client, 1234), "headers": headers}


@pytest.mark.parametrize(
    ("request_scope", "source"),
    [
        pytest.param(scope("203.0.113.5"), "203.0.113.5", id="direct"),
        pytest.param(scope(None), "", id="unknown"),
        pytest.param(scope("testclient"), "", id="no-address"),
        pytest.param(scope("203.0.113.5", "198.51.100.7"), "203.0.113.5", id="stranger-forwards"),
        pytest.param(scope("10.1.2.3", "198.51.100.7"), "198.51.100.7", id="behind-a-proxy"),
        pytest.param(scope("10.1.2.3"), "10.1.2.3", id="proxy-itself"),
        pytest.param(
            scope("10.1.2.3", "1.1.1.1, 198.51.100.7, 192.0.2.1"), "198.51.100.7", id="two-proxies"
        ),
        pytest.param(
            scope("10.1.2.3", "1.1.1.1", "198.51.100.7"), "198.51.100.7", id="two-headers"
        ),
        pytest.param(scope("10.1.2.3", "10.9.9.9"), "10.9.9.9", id="proxies-only"),
        pytest.param(scope("10.1.2.3", "198.51.100.7, unknown"), "10.1.2.3", id="unreadable-hop"),
        pytest.param(scope("10.1.2.3", ""), "10.1.2.3", id="empty-header"),
        pytest.param(scope("2001:db8:1:2:3::4"), "2001:db8:1:2::/64", id="ipv6-customer"),
        pytest.param(scope("::ffff:203.0.113.5"), "203.0.113.5", id="ipv4-in-ipv6"),
        pytest.param(scope("fd00::1", "198.51.100.7"), "198.51.100.7", id="proxy-with-ipv6"),
    ],
)
def test_the_source_is_the_first_address_that_is_not_ours(
    request_scope: Scope, source: str
) -> None:
    assert source_of(request_scope, PROXIES) == source


def test_without_proxies_nobody_is_believed() -> None:
    assert source_of(scope("10.1.2.3", "198.51.100.7"), parse_networks("")) == "10.1.2.3"


@pytest.mark.parametrize("text", ["proxy.example", "10.0.0.1/8", "10.0.0.0/33"])
def test_what_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_networks(text)


def test_ten_bad_tokens_in_a_minute_shut_an_address_out_for_a_minute() -> None:
    sources = Sources()
    for now in range(10):
        sources.check("a", float(now))
        sources.failed("a", float(now))

    with pytest.raises(CodelabError) as refused:
        sources.check("a", 10.5)
    sources.check("b", 10.5)
    sources.check("a", 69.0)

    error = refused.value
    assert (error.code, error.reason, error.retry_after_ms) == (Code.RATE_LIMIT, "auth", 58_500)


def test_ten_bad_tokens_in_more_than_a_minute_are_forgiven() -> None:
    sources = Sources()
    for number in range(20):
        sources.failed("a", number * 7.0)

    sources.check("a", 140.0)


def test_memory_is_bounded_whoever_asks() -> None:
    sources = Sources()
    for number in range(MAX_SOURCES + 5):
        sources.failed(str(number), 0.0)

    assert len(sources._known) == MAX_SOURCES
    assert "4" not in sources._known

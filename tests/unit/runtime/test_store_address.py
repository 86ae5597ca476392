"""Addresses of stores: one server, or Sentinels; nothing else."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codelab_runtime.store_address import (
    DIRECT,
    SentinelAddress,
    StoreAddressError,
    sentinel_address,
)


@pytest.mark.parametrize("scheme", DIRECT)
def test_the_address_of_one_server_names_no_sentinels(scheme: str) -> None:
    assert sentinel_address(f"{scheme}anything, even,this/that") is None


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param(
            "redis+sentinel://h1/m",
            SentinelAddress((("h1", 26379),), "m", is_tls=False),
            id="the usual port",
        ),
        pytest.param(
            "rediss+sentinel://h1:1, h-2.x_y:65535/my.master-1_a",
            SentinelAddress((("h1", 1), ("h-2.x_y", 65535)), "my.master-1_a", is_tls=True),
            id="several over tls",
        ),
        pytest.param(
            "redis+sentinel://[::1],[fe80::1]:7,10.0.0.1/m",
            SentinelAddress(
                (("::1", 26379), ("fe80::1", 7), ("10.0.0.1", 26379)), "m", is_tls=False
            ),
            id="addresses of both kinds",
        ),
    ],
)
def test_sentinels_are_named_with_the_master_that_they_watch(
    url: str, expected: SentinelAddress
) -> None:
    assert sentinel_address(url) == expected


@pytest.mark.parametrize(
    ("url", "why"),
    [
        pytest.param("redis+cluster://h", "Redis Cluster is not supported", id="cluster"),
        pytest.param("rediss+cluster://h", "Redis Cluster is not supported", id="cluster by tls"),
        pytest.param("http://h", "begins with one of redis://, rediss://", id="another kind"),
        pytest.param("secret", "begins with one of", id="no kind"),
        pytest.param("", "begins with one of", id="nothing"),
        pytest.param("redis+sentinel://h", "ends in /<name of the master>", id="no master"),
        pytest.param("redis+sentinel://h/", "ends in /<name", id="an empty master"),
        pytest.param("redis+sentinel://h/a b", "ends in /<name", id="no name"),
        pytest.param(f"redis+sentinel://h/{'m' * 129}", "ends in /<name", id="a long name"),
        pytest.param("redis+sentinel:///m", "host:port, with commas", id="no host"),
        pytest.param("redis+sentinel://a,,b/m", "host:port, with commas", id="an empty host"),
        pytest.param("redis+sentinel://a:0/m", "host:port, with commas", id="port 0"),
        pytest.param("redis+sentinel://a:65536/m", "host:port, with commas", id="a large port"),
        pytest.param("redis+sentinel://user:secret@a/m", "host:port, with commas", id="a login"),
        pytest.param("redis+sentinel://::1/m", "host:port, with commas", id="v6 without brackets"),
    ],
)
def test_what_is_no_address_says_why_and_shows_nothing_of_itself(url: str, why: str) -> None:
    with pytest.raises(StoreAddressError) as caught:
        sentinel_address(url)

    assert why in str(caught.value)
    assert "secret" not in str(caught.value)


@settings(max_examples=200, deadline=None)
@given(st.text() | st.text().map(lambda rest: f"redis+sentinel://{rest}"))
def test_any_text_is_an_address_or_is_refused(url: str) -> None:
    try:
        found = sentinel_address(url)
    except StoreAddressError:
        return

    assert found is None or all(0 < port <= 65535 for _, port in found.sentinels)

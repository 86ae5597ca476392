import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codelab_runtime.store_address import SentinelAddress, StoreAddressError, sentinel_address

ONE = (("h", 26379),)


@pytest.mark.parametrize(
    "url",
    ["redis://h", "rediss://u:p@h:1/2", "unix:///s.sock", "embedded://", "embedded:memory"],
)
def test_the_address_of_one_server_names_no_sentinels(url: str) -> None:
    assert sentinel_address(url) is None


@pytest.mark.parametrize(
    ("url", "address"),
    [
        pytest.param("redis+sentinel://h/m", SentinelAddress(ONE, "m", is_tls=False), id="short"),
        pytest.param("rediss+sentinel://h/m", SentinelAddress(ONE, "m", is_tls=True), id="tls"),
        pytest.param(
            "redis+sentinel://h1:1,h-2.x, h_3:65535/my-Master.1_",
            SentinelAddress(
                (("h1", 1), ("h-2.x", 26379), ("h_3", 65535)), "my-Master.1_", is_tls=False
            ),
            id="several",
        ),
        pytest.param(
            "redis+sentinel://[::1],[fe80::1]:7,10.0.0.1/m",
            SentinelAddress(
                (("::1", 26379), ("fe80::1", 7), ("10.0.0.1", 26379)), "m", is_tls=False
            ),
            id="addresses",
        ),
    ],
)
def test_sentinels_and_the_master_that_they_watch(url: str, address: SentinelAddress) -> None:
    assert sentinel_address(url) == address


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "begins with one of"),
        ("h:6379", "begins with one of"),
        ("http://h", "begins with one of"),
        ("redis+cluster://h", "Redis Cluster is not supported by this release"),
        ("rediss+cluster://h", "Redis Cluster is not supported by this release"),
        ("redis+sentinel://h", "ends in /<name of the master>"),
        ("redis+sentinel://h/", "ends in /<name of the master>"),
        ("redis+sentinel://h/m/0", "ends in /<name of the master>"),
        ("redis+sentinel://h/m?db=1", "ends in /<name of the master>"),
        ("redis+sentinel:///m", "with commas between them"),
        ("redis+sentinel://h,/m", "with commas between them"),
        ("redis+sentinel://h:0/m", "with commas between them"),
        ("redis+sentinel://h:65536/m", "with commas between them"),
        ("redis+sentinel://h:port/m", "with commas between them"),
        ("redis+sentinel://[h]:1/m", "with commas between them"),
        ("redis+sentinel://user:secret@h/m", "with commas between them"),
    ],
)
def test_an_address_that_cannot_be_used_says_why(url: str, why: str) -> None:
    with pytest.raises(StoreAddressError, match=why):
        sentinel_address(url)


@settings(max_examples=200)
@given(st.sampled_from(["", "redis+sentinel://", "rediss+sentinel://h/", "x://"]), st.text())
def test_any_text_is_understood_or_refused_without_being_shown(scheme: str, rest: str) -> None:
    shown = ""
    try:
        address = sentinel_address(f"{scheme}{rest}-s3cret")
    except StoreAddressError as error:
        address, shown = None, str(error)

    assert address is None or address.master
    assert "s3cret" not in shown

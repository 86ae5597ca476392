import pytest

from codelab_llmproxy.addresses import is_address, is_public


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "104.18.7.192", "2606:4700::6812:7c0", "::ffff:8.8.8.8", "64:ff9b::808:808"],
)
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("127.0.0.1", id="loopback"),
        pytest.param("::1", id="loopback-6"),
        pytest.param("10.1.2.3", id="private"),
        pytest.param("192.168.0.1", id="private-192"),
        pytest.param("100.64.0.1", id="shared"),
        pytest.param("169.254.169.254", id="metadata"),
        pytest.param("fd00:ec2::254", id="metadata-6"),
        pytest.param("168.63.129.16", id="metadata-azure"),
        pytest.param("fe80::1%eth0", id="link-local-6"),
        pytest.param("224.0.0.1", id="multicast"),
        pytest.param("ff02::1", id="multicast-6"),
        pytest.param("0.0.0.1", id="every"),
        pytest.param("255.255.255.255", id="broadcast"),
        pytest.param("::ffff:127.0.0.1", id="mapped"),
        pytest.param("64:ff9b::7f00:1", id="nat64"),
        pytest.param("64:ff9b:1::a00:1", id="nat64-local"),
        pytest.param("2002:7f00:1::", id="6to4"),
        pytest.param("2001:0:7f00:1::", id="teredo"),
        pytest.param("localhost", id="no-address"),
    ],
)
def test_others_are_not(address: str) -> None:
    assert not is_public(address)


def test_an_address_is_told_from_a_name() -> None:
    hosts = ["127.0.0.1", "::1", "fe80::1%eth0", "example.org"]

    assert [host for host in hosts if is_address(host)] == hosts[:3]

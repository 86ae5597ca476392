import ssl
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis.asyncio import Connection
from redis.exceptions import DataError

from codelab_runtime.packing import PackedConnection, PackedSSLConnection, packed_pool
from fakes.certificates import Authority

ARGUMENTS = st.lists(
    st.one_of(st.binary(), st.text(alphabet="aé漢😀 \r\n"), st.integers()), max_size=20
)


@settings(max_examples=200)
@given(arguments=ARGUMENTS)
def test_a_command_is_packed_as_the_library_packs_it(arguments: list[bytes | str | int]) -> None:
    plain = b"".join(Connection().pack_command("SCRIPT LOAD", *arguments))

    assert b"".join(PackedConnection().pack_command("SCRIPT LOAD", *arguments)) == plain


def test_what_is_no_value_is_refused() -> None:
    with pytest.raises(DataError):
        PackedConnection().pack_command("SET", None)


@pytest.mark.parametrize("url", ["redis://h", "rediss://h", "unix:///s.sock"])
def test_every_kind_of_address_has_packed_connections(url: str) -> None:
    made = packed_pool(url, max_connections=3).connection_class.__name__

    assert made.startswith("Packed")


def test_certificates_are_read_for_each_connection(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    mine = authority.issue("me")
    made = PackedSSLConnection(
        ssl_ca_certs=str(authority.file),
        ssl_certfile=str(mine.file),
        ssl_keyfile=str(mine.key_file),
    )

    first = made._connection_arguments()["ssl"]
    second = made._connection_arguments()["ssl"]

    assert first is not second
    assert (first.verify_mode, first.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert len(first.get_ca_certs()) == 1


def test_without_files_the_authorities_of_the_system_are_believed() -> None:
    made = PackedSSLConnection()

    found = made._connection_arguments()["ssl"]

    assert (found.verify_mode, found.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_a_file_that_is_not_there_is_an_error_of_the_connection(tmp_path: Path) -> None:
    made = PackedSSLConnection(ssl_ca_certs=str(tmp_path / "none"))

    with pytest.raises(FileNotFoundError):
        made._connection_arguments()

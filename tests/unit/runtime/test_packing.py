import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis.asyncio import Connection
from redis.exceptions import DataError

from codelab_runtime.packing import PackedConnection, packed_pool

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

import pytest
from pydantic import ValidationError

from codelab_core.settings import LLMProxySettings, RuntimeSettings
from codelab_core.store_settings import StoreFields


def test_without_a_word_the_store_is_a_private_one() -> None:
    fields = StoreFields()

    assert (fields.redis_url, fields.redis_prefix, fields.redis_durability) == (
        "embedded://",
        "cla",
        "fast",
    )


@pytest.mark.parametrize("prefix", ["", "a b", "a{b}", "x" * 129, "a*"])
def test_a_prefix_that_would_be_a_pattern_or_a_hash_tag_is_refused(prefix: str) -> None:
    with pytest.raises(ValidationError):
        StoreFields(redis_prefix=prefix)


def test_both_users_of_the_store_read_the_same_variables() -> None:
    fields = set(StoreFields.model_fields)

    assert fields <= set(RuntimeSettings.model_fields)
    assert fields <= set(LLMProxySettings.model_fields)


def test_credentials_come_from_files_only() -> None:
    secrets = [name for name in StoreFields.model_fields if "password" in name or "key" in name]

    assert sorted(secrets) == [
        "redis_key_file",
        "redis_password_file",
        "redis_sentinel_password_file",
    ]

from pathlib import Path

import pytest

from codelab_core.llm_config import LLMConfigError
from codelab_llmproxy.config_file import ConfigFileError, load_config, parse_text, stamp

GOOD = """\
version: 1
providers:
  - name: openai
    kind: openai-compatible
    base_url: https://api.openai.com/v1
    keys: [{id: main, secret: "file:/k"}]
    models:
      - id: gpt-5.6
        thinking: no
aliases: {default: gpt-5.6}
"""


def faults(text: str) -> list[str]:
    with pytest.raises(LLMConfigError) as caught:
        parse_text(text.encode())
    return [str(problem) for problem in caught.value.problems]


def test_a_good_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(GOOD)

    config = load_config(file)

    assert [provider.name for provider in config.providers] == ["openai"]
    assert config.aliases == {"default": "gpt-5.6"}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param(
            "thinking: no",
            "thinks: no",
            ["line 9: providers[0].models[0].thinks: there is no such field"],
            id="unknown-field",
        ),
        pytest.param(
            "    kind: openai-compatible\n",
            "",
            ["line 3: providers[0].kind: this is missing"],
            id="missing",
        ),
        pytest.param(
            "default: gpt-5.6",
            "default: gpt",
            ["line 10: aliases.default: 'gpt' is no route and no model"],
            id="dangling",
        ),
        pytest.param(
            "name: openai\n",
            "name: openai\n    name: again\n",
            [
                "line 4: providers[0].name: this comes twice",
            ],
            id="twice",
        ),
        pytest.param("version: 1", "version: [", ["line 3: expected"], id="no-yaml"),
        pytest.param(GOOD, "", ["line 1: "], id="empty"),
        pytest.param(GOOD, "&a [*a]", ["it holds itself"], id="endless"),
        pytest.param(GOOD, "a: !!python/object:os.system x", ["line 1: "], id="code"),
    ],
)
def test_faults_come_with_their_lines(old: str, new: str, expected: list[str]) -> None:
    """P-12."""
    found = faults(GOOD.replace(old, new))

    assert len(found) == len(expected)
    assert all(text.startswith(start) for text, start in zip(found, expected, strict=True))


def test_every_fault_is_told_at_once() -> None:
    text = GOOD.replace("thinking: no", "thinks: 1").replace("https:", "http:")

    assert len(faults(text)) == 2


def test_a_fault_holds_no_value() -> None:
    text = GOOD.replace('"file:/k"', "sk-canary-1").replace("thinking: no", "thinking: sk-canary-2")

    found = "\n".join(faults(text))

    assert "canary" not in found
    assert "line 6: providers[0].keys[0].secret: a secret is file:/path or env:NAME" in found


@pytest.mark.parametrize("content", [None, b"x" * 1_048_577, b"\xff\xfe\xff"])
def test_files_that_cannot_be_read_are_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "config.yaml"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(ConfigFileError) as caught:
        load_config(file)

    assert str(caught.value).startswith(f"{file}: ")


def test_a_link_that_is_swapped_looks_different(tmp_path: Path) -> None:
    (tmp_path / "v1").mkdir()
    (tmp_path / "v2").mkdir()
    (tmp_path / "v1/f").write_text("same")
    (tmp_path / "v2/f").write_text("same")
    link = tmp_path / "data"
    link.symlink_to("v1")
    before = stamp(link / "f")

    link.unlink()
    between = stamp(link / "f")
    link.symlink_to("v2")

    assert before == stamp(tmp_path / "v1/f")
    assert between is None
    assert stamp(link / "f") == stamp(tmp_path / "v2/f")

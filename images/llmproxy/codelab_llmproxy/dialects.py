"""The dialects that are spoken, by the kind of provider in the configuration. Pure."""

from collections.abc import Mapping
from typing import Final

from codelab_core.llm_config import Kind
from codelab_llmproxy.anthropic_dialect import ANTHROPIC
from codelab_llmproxy.dialect import Dialect
from codelab_llmproxy.ollama_dialect import OLLAMA
from codelab_llmproxy.openai_dialect import OPENAI

DIALECTS: Final[Mapping[Kind, Dialect]] = {
    "openai-compatible": OPENAI,
    "anthropic": ANTHROPIC,
    "ollama": OLLAMA,
}

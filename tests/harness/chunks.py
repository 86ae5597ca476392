"""Chunks of answers, made comparable."""

from collections.abc import Iterable

from codelab_llmproxy.chunks import Chunk, Text, Thought


def joined(chunks: Iterable[Chunk]) -> list[Chunk]:
    """Neighbouring text of one kind as one chunk: how it was cut says nothing."""
    whole: list[Chunk] = []
    for chunk in chunks:
        last = whole[-1] if whole else None
        if isinstance(chunk, Text) and isinstance(last, Text):
            whole[-1] = Text(last.text + chunk.text)
        elif isinstance(chunk, Thought) and isinstance(last, Thought):
            whole[-1] = Thought(last.text + chunk.text)
        else:
            whole.append(chunk)
    return whole

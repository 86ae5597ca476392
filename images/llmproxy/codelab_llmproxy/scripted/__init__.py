"""The built-in provider: deterministic, without network, and it really drives the tools."""

"""The patch engine: from a model's text to bytes that land in one place or not at all. Pure."""

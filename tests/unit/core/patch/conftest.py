"""A hypothesis profile for long runs of the properties in this folder."""

from hypothesis import settings

settings.register_profile("patch-long", max_examples=10_000, deadline=None)

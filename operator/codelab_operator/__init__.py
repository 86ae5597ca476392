"""The operator: keeps every object of a `CodelabAgent` as its specification says."""

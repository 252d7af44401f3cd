"""A built-in model that answers deterministically and fails on request: everything can be tried without a key."""

"""A built-in model that answers deterministically and fails on request, so that everything can be tried without a key."""

"""Answers that are kept and told again: a responder around the gateway, what it keeps, and who waits for what."""

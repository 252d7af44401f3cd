"""What must be remembered between requests."""

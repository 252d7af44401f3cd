"""What the owner wrote, checked once and frozen."""

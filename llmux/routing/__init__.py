"""Who should answer. Pure: it reads no clock and no store."""

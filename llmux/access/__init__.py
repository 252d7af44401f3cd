"""Keys that are made at run time, and the log of what administrators do: kept in the store, known by every process."""

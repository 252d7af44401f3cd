"""How a backend is reached: all outbound I/O."""

"""Why a backend lets us in."""

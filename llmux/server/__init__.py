"""The HTTP face: it is handed a responder, and knows no more."""

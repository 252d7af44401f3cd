"""What a person types; one file a command, loaded when called."""

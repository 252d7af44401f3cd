"""What llmux keeps between the turns of a conversation, for clients that cannot bring it back themselves."""

"""What the agent's answers usually look like, and when they stop looking like that."""

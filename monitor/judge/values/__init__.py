"""How what the agent returned becomes the value that is judged: unwrapped, coerced to its schema, validated."""

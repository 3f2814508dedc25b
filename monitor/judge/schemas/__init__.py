"""What a schema says: checked at load, compiled, and asked about places in a value."""

"""What differs between two results, and how it is named."""

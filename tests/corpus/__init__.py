"""The corpus: what ten pages truly say over time, what agents make of it, and what a watch should tell."""

"""Servers shaped like the services that people name as targets, each with that service's documented limits as rules."""

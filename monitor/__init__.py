"""goal-monitor: a watch comes due, becomes a run, ends in one outcome, is judged, and what matters is delivered."""

__version__ = "0.1.0"

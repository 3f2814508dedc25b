"""The read side for people who look: bounded, indexed queries that give frozen values, one module per question.

Each query takes a connection inside a read transaction first and its time as an argument; how much it reads is bounded
by its arguments and by caps of its own, whatever pages said. Must not know who shows what, nor change a row.
"""

from sqlalchemy import Connection

__all__ = ["Connection"]  # what a query is handed: rooms that compose queries name it without SQLAlchemy

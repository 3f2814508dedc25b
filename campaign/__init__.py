"""The campaign: the long figures behind docs/reliability.md, in resumable parts with a ledger (`python -m campaign`).

Its numbers are counts of cases and of violations, never times of this machine. See `part` for how a part is written.
"""

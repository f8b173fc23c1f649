"""The record: everything the desk knows and has decided, in SQL.

Functions here take a `session` and an instant `now`, change rows, and never commit: whoever listens or ticks opens
`with database.begin() as session` around them, so that a decision and its consequences are one transaction.
"""

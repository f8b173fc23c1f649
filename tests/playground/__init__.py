"""A local Slack workspace, a local mail host and one page, for the demo and the tests; stricter than the real ones."""

PATIENCE = 60.0
"""Seconds until what is waited for counts as lost: a busy machine may stand still for twenty."""

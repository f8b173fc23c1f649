"""A local Slack workspace, a local mail host and one page, for the demo and the tests; stricter than the real ones."""

PATIENCE = 25.0
"""Seconds until what is waited for counts as lost. Less than the half minute after which mail looks unasked."""

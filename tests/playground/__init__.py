"""A local Slack workspace, a local mail host and one page, for the demo and the tests; stricter than the real ones."""

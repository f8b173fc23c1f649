"""The torture of the mail half: `python -m tests.torture` kills it again and again and counts what arrived."""

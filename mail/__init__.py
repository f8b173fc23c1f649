"""The mail half (agreement clause 4): a data subject's request is kept, read, and sent on upon receipt."""

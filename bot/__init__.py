"""The Slack half: people decide here, the record keeps it, the outbox tells. Slack sees references and counts only."""

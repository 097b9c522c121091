"""The gap ledger: what is missing of each channel, and what became of it."""

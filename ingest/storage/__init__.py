"""What is written to the raw tables: sites, attempts, readings, revisions, rejects. Nothing here commits."""

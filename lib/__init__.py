"""What every stage shares: errors, paths, command lines, logs, the database, time and statistics."""

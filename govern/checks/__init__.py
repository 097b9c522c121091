"""The circuit breaker: one SQL file a check, what reads and runs them, and the verdict."""

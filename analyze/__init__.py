"""Stage 3: pure, read-only analyses of Layer 3 readings."""

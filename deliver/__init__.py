"""Stage 4: turns what analyze found into files that people read."""

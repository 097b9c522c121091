"""Stage 1: the only room that talks to the Eniscope API; it fills the raw tables."""

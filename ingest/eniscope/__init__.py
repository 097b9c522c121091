"""The Eniscope API: asking at a bearable pace, and what its answers mean in our units."""

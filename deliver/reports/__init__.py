"""Puts findings into the shapes of the reports. Formats only: every number comes from analyze."""

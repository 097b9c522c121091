"""Interval files: their form, their times, and their readings in our units."""

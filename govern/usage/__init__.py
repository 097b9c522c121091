"""Hourly and daily use, kept up to the readings."""

"""Hourly weather from public services, and which hours are stored."""

"""Reads, checks and writes what is delivered: reports and their versions, exports, the log of what was sent."""

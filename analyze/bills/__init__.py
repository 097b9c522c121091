"""What the utility billed beside what was metered, and whose part of the bill is whose."""

"""Whether the sites are still being fetched."""

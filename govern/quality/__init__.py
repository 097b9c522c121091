"""How good a site's data are, by day and channel."""

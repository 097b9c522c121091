"""One site, one period: its intervals, every section run once over them, and what is told of the whole."""

"""When each site's jobs are due, and who does them."""

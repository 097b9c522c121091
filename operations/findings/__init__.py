"""What people say of findings, and how findings are listed."""

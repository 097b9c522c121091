"""The schema: migrations, view files, roles, distribution, and whether a database has all of it."""

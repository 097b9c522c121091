"""Stage 2: owns the schema, the views, their refresh and the validation that lets reports out."""

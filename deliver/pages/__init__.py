"""Pages of every report: one model of parts, drawn as HTML and as PDF."""

"""What a report tells of a site, one question a file: a section from sound intervals and thresholds. Pure."""

"""What weekly reports found, kept from week to week."""

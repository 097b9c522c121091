"""When something is wrong, and who was told: episodes, mutes, and their files."""

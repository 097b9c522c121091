"""Where every setting, default and threshold comes from; nothing else reads the environment."""

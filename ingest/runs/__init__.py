"""A site's run, window by window: from registration to the last channel."""

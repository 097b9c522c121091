"""The portal: a folder of pages on all sites and weeks, for any web server or file share."""

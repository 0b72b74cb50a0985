"""From pairs to files that others download, verify and read."""

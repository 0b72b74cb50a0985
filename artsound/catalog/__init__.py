"""From what a source says to what is usable: cleaned rows, checked files."""

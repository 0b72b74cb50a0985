"""The only code that reads and decodes media files."""

"""Both sides in words, by fields."""

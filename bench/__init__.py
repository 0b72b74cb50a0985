"""Side-by-side measurements; one file a claim."""

"""Where the data comes from: one module a source, each declaring the same `SOURCE`."""

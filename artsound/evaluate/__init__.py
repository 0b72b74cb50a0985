"""How good is generated music, and does it follow the picture? Metrics take arrays."""

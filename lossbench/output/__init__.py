"""Results as files and as tables."""

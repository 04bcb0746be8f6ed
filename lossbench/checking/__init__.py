"""A user's function checked without a reference: against itself, in its own worker."""

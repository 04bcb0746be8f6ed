"""What the answer should be: certified arithmetic, closed forms, reductions."""

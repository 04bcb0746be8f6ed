"""Answers against expectations, times against each other, runs against what was accepted."""

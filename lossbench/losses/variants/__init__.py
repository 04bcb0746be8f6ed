"""Formulas that some framework follows instead of the textbook's, in float64: what a declared deviation is held to.

Each is a loss marked `variant=True`: never listed, never certified, named after what it does.
"""

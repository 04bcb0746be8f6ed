"""One module (or folder) for each framework: five short methods and a table of adapters; only workers import them."""

"""From a suite to inputs: cases, regimes, draws, and who can take what."""

"""The commands: what was asked for, what is printed, which exit code."""

"""Rules that two or more runtimes need, written once."""

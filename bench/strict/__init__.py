"""Linters of infrastructure over the strict profile: every finding is mended or explained."""

"""Linters of infrastructure over the strict profile: every finding is fixed or explained."""

"""The Studio in a real browser: every page, light, dark and small, and what it does."""

"""A real browser, driven for the tests of the Studio."""

"""`make load-test`: many people read the HTTP API of the laptop's stack at once."""

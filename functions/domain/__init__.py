"""Rules, and what they need from the world as Protocols. No AWS, no clock, no environment."""

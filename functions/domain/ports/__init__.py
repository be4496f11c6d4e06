"""Protocols for everything outside the process, and the values that they exchange.

``aws`` implements them; tests/fakes implements them in memory.
"""

"""Compares what each role of the stack may do with what the end-to-end tests saw it do."""

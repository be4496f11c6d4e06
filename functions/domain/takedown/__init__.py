"""Takedown: a report without an account, the marked model, an operator's yes or no, an appeal."""

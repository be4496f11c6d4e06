"""The evaluation of an adapter before it is published."""

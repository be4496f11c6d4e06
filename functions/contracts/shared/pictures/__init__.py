"""How a picture is asked for, checked and marked, and where it is."""

"""How a picture is asked for, and where it is."""

"""How the embedded base and its judge were trained."""

"""What owners are told, once for each upload."""

"""What happens to a picture after it is drawn: provenance, watermark, safety."""

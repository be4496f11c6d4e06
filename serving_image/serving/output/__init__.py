"""Processing of drawn pictures: provenance, watermark, safety checker."""

"""The photo pipeline: from accepted photos to processed photos with captions and masks."""

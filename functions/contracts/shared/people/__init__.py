"""Rules about the people in the photos: faces, consent, thresholds, how long things are kept."""

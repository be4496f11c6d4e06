"""Rules about the people in the photos: faces, consent, how long things are kept, marks."""

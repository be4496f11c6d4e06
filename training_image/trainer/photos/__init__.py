"""From accepted photos to processed photos: faces, crops, masks, backgrounds, captions."""

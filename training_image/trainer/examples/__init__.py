"""What each optimizer step learns from: batches of photos and class images."""

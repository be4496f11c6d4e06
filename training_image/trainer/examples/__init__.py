"""What each optimizer step learns from: photos, class images, sizes and buckets."""

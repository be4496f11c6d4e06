"""What the rules need from the world, as Protocols. ``aws`` implements them."""

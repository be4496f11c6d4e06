"""Faces of real people, measured on photos out of packages."""

"""Accepting an upload and inspecting its photos, before any GPU second is paid."""

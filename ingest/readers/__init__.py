"""Readers: one file a format, one function a file."""

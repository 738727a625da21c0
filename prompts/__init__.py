"""Prompts and instructions as text files."""

"""citewell's assistant: answering, records, commands and the terminal app."""

__version__ = "0.1.0"

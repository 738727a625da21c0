"""From files to an index of embedded passages."""

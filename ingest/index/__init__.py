"""The index: one protocol, two homes (Qdrant Edge embedded, a Qdrant server)."""

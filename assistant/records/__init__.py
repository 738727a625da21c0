"""What is kept: sessions and transcripts."""

"""What can be measured and learned from a corpus: retrieval judged, settings swept. Needs the extra `analysis`."""

"""Settings and profiles: one typed tree, and the errors everyone raises."""

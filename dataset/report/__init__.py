"""A set as an HTML page: its images, statistics and what was rejected."""

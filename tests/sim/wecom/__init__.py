"""A simulated WeChat Work group robot: its error codes, limits, moods, and a page."""

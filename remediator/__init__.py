"""When, and whether, a host is repaired: from an alert to proven speech, or to a person."""

__version__ = "0.1.0"

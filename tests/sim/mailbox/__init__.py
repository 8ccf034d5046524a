"""A real SMTP server that keeps every mail instead of passing it on, and a page to read them."""

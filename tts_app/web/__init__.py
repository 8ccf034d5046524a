"""The HTTP side: health answers, metrics, the API, admin endpoints and the page."""

"""The workload: a text-to-speech service with a page, an API and a batch engine."""

__version__ = "0.1.0"

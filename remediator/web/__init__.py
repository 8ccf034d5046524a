"""The edge: alerts come in, people look and decide. Views translate; they know nothing of the domain."""

from remediator.web.app import create_app

__all__ = ["create_app"]

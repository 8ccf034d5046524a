"""A stand-in for conda over py-rattler; see README.md."""

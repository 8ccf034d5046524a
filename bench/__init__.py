"""Timings that compare two ways of doing the same work side by side, in one run, on one machine."""

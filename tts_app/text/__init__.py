"""Text before it is spoken: cleaning, checking that it can be spoken, cutting into pieces."""

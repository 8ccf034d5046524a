"""Text before it is spoken: cleaning, the check that something can be spoken at all, and cutting into pieces."""

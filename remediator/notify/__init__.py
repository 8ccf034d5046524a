"""The outbox: messages that were committed with the move they report reach people, in order."""

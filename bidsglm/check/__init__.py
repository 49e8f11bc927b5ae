"""``bidsglm check``: analyses that a user already has, read, compared and computed again."""

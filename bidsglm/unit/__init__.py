"""One unit of analysis, from its models to its files and its page."""

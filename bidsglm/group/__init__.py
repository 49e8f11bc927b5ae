"""The numbers of a sample of participants: their tables and group maps, and no page."""

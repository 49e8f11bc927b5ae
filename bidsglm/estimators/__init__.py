"""First-level models with nilearn's interface and another package's numbers."""

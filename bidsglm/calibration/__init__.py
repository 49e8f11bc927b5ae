"""False and true positives of the analyses by simulation on a participant's own design and noise."""

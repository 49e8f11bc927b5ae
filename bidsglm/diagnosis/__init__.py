"""What is wrong with a design, or with what it was made from: records in, findings out."""

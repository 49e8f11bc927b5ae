"""What stands around the work in a process: signals, temporary folders, worker processes."""

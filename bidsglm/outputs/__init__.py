"""What is written: names, sidecars, tables, summaries, and writes that leave nothing half done."""

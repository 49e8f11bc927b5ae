"""How well two maps agree, how reliable they are, and how that spreads over participants."""

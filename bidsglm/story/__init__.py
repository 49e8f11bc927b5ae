"""`bidsglm demo --story`: one participant, one run and four models, from the question to its answer."""

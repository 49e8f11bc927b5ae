"""The language of BIDS Stats Models 1.0: from a JSON document to a specification."""

"""The participant level: participants in turn, over processes, or on a Dask cluster."""

"""One run on disk: what stories share, between the data found and the results written."""

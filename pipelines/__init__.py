"""Extract and load: the services in, append-only lookups in `raw` out. Imports neither prefect nor dbt."""


class CascadeError(Exception):
    """Something went wrong that a person can mend; the text is one clear sentence (or two) without a secret."""

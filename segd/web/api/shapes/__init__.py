"""What goes over the wire: every request and answer of the API, from which `openapi` describes it."""

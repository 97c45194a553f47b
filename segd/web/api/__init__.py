"""The HTTP API under `/api/`: what people and programs ask. Each part has a module; `shapes` has what goes over it."""

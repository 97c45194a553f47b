"""The HTTP API under `/api/`: what people and programs ask. Each part has a module; `shapes` is what goes over it."""

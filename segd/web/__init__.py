"""HTTP: what comes in from apps and sites, and what people and programs ask. Knows `core` alone."""

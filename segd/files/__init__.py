"""Event files: reading them in bounded memory, finding repeats in them, and putting them in order on disk."""

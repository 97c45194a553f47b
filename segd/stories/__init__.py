"""Stories: definitions, events at offsets and who should qualify, so that people test segments as they test code."""

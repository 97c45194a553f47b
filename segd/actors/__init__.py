"""Trio: what runs beside the store and the web, and knows neither: the actors of users, the clock, the feeds."""

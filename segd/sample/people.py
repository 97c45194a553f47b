"""Who the sample's users might be. The shop gave numbers and nothing else away: every name and address is invented."""

import random
from datetime import date, timedelta
from typing import Any

NAMES = (
    "amira", "bruno", "chiara", "dmitri", "elif", "farid", "greta", "hugo", "ines", "jonas", "katya", "liam", "mina",
    "noor", "olga", "pavel", "rosa", "sven", "tomas", "yuki",
)  # fmt: skip
CITIES = ("Almaty", "Berlin", "Kazan", "Lisbon", "Lyon", "Riga", "Turin", "Utrecht")
TIERS = ("basic", "basic", "basic", "silver", "silver", "gold")
FIRST_BIRTHDAY = date(1960, 1, 1)
BIRTHDAYS = 45 * 365  # days


def traits(user_id: str) -> dict[str, Any]:
    """The same for the same user."""
    chance = random.Random(user_id)
    name = chance.choice(NAMES)
    found: dict[str, Any] = {"name": name.title(), "city": chance.choice(CITIES), "tier": chance.choice(TIERS)}
    if chance.random() < 0.7:
        found["email"] = f"{name}.{user_id}@example.com"
    if chance.random() < 0.4:
        found["push_token"] = f"{chance.getrandbits(64):016x}"
    if chance.random() < 0.3:
        found["phone"] = f"+0000{chance.randrange(10**7):07}"
    if chance.random() < 0.5:
        found["birthday"] = (FIRST_BIRTHDAY + timedelta(days=chance.randrange(BIRTHDAYS))).isoformat()
    if chance.random() < 0.15:
        found["subscriptions"] = {"email": False}
    return found

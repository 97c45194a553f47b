"""A thousand mixed calls by a Python SDK, unmodified but for the host: `python calls.py MODULE HOST KEY`.

MODULE is the one that has the SDK's Client; whatever Python runs this has the SDK. Says what could not be delivered.
"""

import importlib
import sys

ROUNDS = 100


def main(module: str, host: str, key: str) -> None:
    failed: list[object] = []
    client = importlib.import_module(module).Client(
        key, host=host, upload_interval=0.05, on_error=lambda *given: failed.append(given)
    )
    for number in range(ROUNDS):
        user, device = f"user {number}", f"device {number}"
        client.track(user, "Cart", {"item": number})
        client.track(user, "Charged", {"amount": number})
        client.track(anonymous_id=device, event="Viewed")
        client.identify(user, {"plan": "pro"})
        client.identify(anonymous_id=device, traits={"language": "de"})
        client.page(user, "shop", "Home", {"url": "https://shop.example/"})
        client.page(anonymous_id=device, name="Landing")
        client.screen(anonymous_id=device, name="Cart")
        client.group(user, f"group {number % 3}")
        client.alias(device, user)
    client.shutdown()
    if failed:
        sys.exit(f"{len(failed)} batches failed: {failed[0]}")


if __name__ == "__main__":
    main(*sys.argv[1:])

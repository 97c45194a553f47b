"""A real client, unmodified but for the host."""

from functools import partial

import trio
from segment.analytics.client import Client
from serving import KEY, open_site, unavailable


async def test_segment_analytics_python():
    async with open_site() as site:
        client = Client(KEY, host=site.url, upload_interval=0.05, thread=2, gzip=True)
        for number in range(50):
            client.identify(f"u{number}", {"plan": "pro"})
            client.track(f"u{number}", "Charged", {"amount": number})
            client.page(f"u{number}", "shop", "Home", {"url": "https://shop.example/"})
            client.screen(anonymous_id=f"a{number}", name="Cart")
            client.group(f"u{number}", "g")
            client.alias(f"a{number}", f"u{number}")
        await trio.to_thread.run_sync(client.shutdown)
        events = site.journal.events
        assert len({event.message_id for event in events}) == len(events) == 300
        of_one = [event for event in events if event.user_id == "u7"]
        assert {event.name for event in of_one} == {"$identify", "Charged", "$page", "$group", "$alias"}
        assert [event.properties() for event in of_one if event.name == "Charged"] == [{"amount": 7}]
        assert [event.traits for event in of_one if event.name == "$identify"] == [{"plan": "pro"}]


async def test_segment_analytics_python_sends_again_what_was_not_taken():
    failed = []
    async with open_site() as site:
        site.journal.error = unavailable("unavailable", 1)
        client = Client(KEY, host=site.url, upload_interval=0.05, on_error=lambda *args: failed.append(args))
        for number in range(20):
            client.track("u", "Charged", {"amount": number})
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(trio.to_thread.run_sync, client.shutdown))
            await trio.sleep(0.3)
            assert site.journal.events == []
            site.journal.error = None
        assert sorted(event.properties()["amount"] for event in site.journal.events) == list(range(20))
        assert failed == []

import time, trio
from api_serving import open_api
from segd.web.api.questions import PAST
from segd.web.api.segments import CART
async def test_it(dsn):
    with trio.fail_after(300):
      async with open_api(dsn) as api:
        api.client.timeout=200
        async with api.pool.acquire() as c:
            t=time.time()
            await c.execute("""
            SELECT make_months(ARRAY['2026-11-20'::timestamptz, '2026-10-20'::timestamptz]);
            INSERT INTO users SELECT ((n * 7919) % 32768) << 48 | n, 'u' || n, false, '2026-10-20', '2026-11-20'
            FROM generate_series(1000::bigint, 300999) AS n;
            INSERT INTO event_names (name) SELECT 'E' || n FROM generate_series(1,5) AS n;
            INSERT INTO events (user_number, timestamp, sequence, received_at, name, live, message_id, properties)
            SELECT u.number, '2026-10-22T00:00Z'::timestamptz + interval '1 second' * ((hashtext(u.id) & 8191) * 300 + k*20000), u.number & 65535, '2026-11-20', (1 + k % 7), true, 'c' || u.number, '{"price": 3}'
            FROM users AS u, generate_series(1,10) AS k WHERE id LIKE 'u%';
            """)
            await c.execute("ANALYZE users, events")
            print("seed", time.time()-t)
        for d in (PAST, PAST | {"where": {"type":"all","of":[{"type":"did","event":"Added To Cart","where":[{"property":"price","op":"gt","value":2}],"count":{"op":"gte","value":1}},{"type":"profile","property":"tier","op":"not_exists"}]}}):
            for q in ("", "?estimate=1", "", "?estimate=1"):
                t=time.time(); a = await api.ask("POST", "/api/segments/preview"+q, json={"definition": d})
                print(q, a["count"], a["total"], a["error"], a["milliseconds"], round(time.time()-t,3))
        for d in (CART, CART | {"filter": {"type":"did","event":"Charged"}}):
            t=time.time(); a = await api.ask("POST", "/api/segments/backtest", json={"definition": d, "days": 14})
            print("backtest", a["total"], a["error"], a["milliseconds"], round(time.time()-t,3))

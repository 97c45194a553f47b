"""Whatever is asked, in whatever way: no answer is a 500, and each is one that the description tells of."""

import random

import pytest
from api_serving import open_api
from drawn_requests import Requests
from test_openapi import check

REQUESTS = 150
LEFT_OUT = ("backtest_segment", "backtest")  # they take seconds


@pytest.mark.parametrize("seed", range(2))
async def test_any_request_is_answered_as_described(dsn, seed):
    async with open_api(dsn) as api:
        for _ in range(2):  # the numbers that may be drawn are not ours
            await api.tokens.create("theirs", "manage")
        _, secret = await api.tokens.create("ours", "manage")
        api.client.headers["Authorization"] = f"Bearer {secret}"
        document = await api.ask("GET", "/openapi.json")
        taken = 0
        for method, url, accept, body, operation in Requests(document, random.Random(seed), LEFT_OUT).draw(REQUESTS):
            answer = await api.client.request(method, url, headers={"Accept": accept}, content=body)
            what = f"{method} {url[:200]} {body and body[:500]}: {answer.status_code} {answer.text[:500]}"
            assert answer.status_code != 500, what
            assert str(answer.status_code) in operation["responses"], what
            described = operation["responses"][str(answer.status_code)].get("content", {})
            assert ("retry-after" in answer.headers) == (answer.status_code in (429, 503)), what
            kind = answer.headers.get("content-type", "").partition(";")[0]
            assert kind in described if kind else not described, what
            if kind == "application/json" and method != "HEAD":
                check(document, described[kind]["schema"], answer.json())
            taken += answer.is_success
        assert taken > REQUESTS / 4  # else nothing behind the reading of requests was tried

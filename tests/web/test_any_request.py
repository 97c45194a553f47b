"""Whatever is asked, in whatever way: no answer is a 500, and each is one that the description tells of."""

import os
import re
import subprocess
import sys
from pathlib import Path

import trio
from api_serving import open_api

HERE = Path(__file__).parent
SCHEMATHESIS = "from schemathesis.cli import schemathesis; schemathesis()"
EXAMPLES = 4  # of each operation and kind, besides those that are the same in each run


async def test_schemathesis_finds_nothing(dsn, tmp_path):
    async with open_api(dsn) as api:
        for _ in range(2):  # numbers that it tries are not that of its own
            await api.tokens.create("theirs", "manage")
        own, secret = await api.tokens.create("its own", "manage")
        ran = await trio.run_process(
            [
                sys.executable, "-c", SCHEMATHESIS, "--config-file", HERE / "schemathesis.toml", "run",
                f"{api.url}/openapi.json", "--header", f"Authorization: Bearer {secret}", "--seed", "1",
                "--max-examples", str(EXAMPLES), "--no-color",
            ],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(HERE), "OWN_TOKEN": str(own.number)},
            capture_stdout=True,
            stderr=subprocess.STDOUT,
            check=False,
        )  # fmt: skip
        told = ran.stdout.decode()
        assert ran.returncode == 0, told
        [tried] = re.findall(r"API Operations:\s+Selected: \d+/(\d+)\s+Tested: (\d+)", told)
        assert tried[0] == tried[1], told
        assert api.journal.unready() is None

"""The page docs/reference/bad-requests.md says what a running server answers; nothing bad is a server error."""

from __future__ import annotations

import re
from pathlib import Path

from bad_inputs import GROUPS, PAGE, SECRET, Desk, table, written
from http_world import served

_LEAKS = re.compile(r'Traceback|File "|asyncpg|psycopg|SELECT |saga\.run\b|/site-packages/|/home/|/tmp/')


def test_the_page_says_what_is_answered(module_database: str, tmp_path: Path) -> None:
    with served(tmp_path, module_database, BOX_SECRET=SECRET) as site:
        desk = Desk(site)
        lines = list(table(desk))
        assert written(PAGE.read_text("utf-8"), iter(lines)) == PAGE.read_text("utf-8"), (
            "if that is right: .venv/bin/python tests/server/bad_inputs.py"
        )
        for cases in GROUPS.values():
            for case in cases:
                answer = desk.ask(case)
                assert answer.status < 500, case
                assert not _LEAKS.search(answer.body.decode()), (case, answer.body)
        site.until_ready()

"""The SQL of the engine's hot path, one text each: write, claim, load, messages, takeover.

It must not know Python's side of it: connections, retries, what rows mean. Why the statements look as they do is in
engine.md C3 and spike.md ("Traps met"); each runs in READ COMMITTED by itself.

``f`` is the fence: a worker that was declared dead has no row there, and whatever depends on ``f`` then does nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

from saga.interpreter.postgres.lease_statements import IDLE_KINDS
from saga.interpreter.stored import MOST_UNREAD

_FENCE = "f AS MATERIALIZED (SELECT worker FROM saga.fence WHERE worker = $1 FOR KEY SHARE)"

# A used key is pointed to the new run where a person asked for it ($again: the run has ended) or the file allows it
# ($after: it ended compensated). Asked so that the planner neither joins (n * n, as hash joins are off) nor hashes the
# whole table, as it would for EXISTS.
_KEY_CONFLICT = """
  ON CONFLICT (project, key) DO UPDATE SET run = excluded.run
    WHERE k.run <> excluded.run
      AND ((excluded.run = ANY({again}::uuid[])
            AND (SELECT o.status FROM saga.run o WHERE o.id = k.run) >= 10)
        OR (excluded.run = ANY({after}::uuid[])
            AND (SELECT o.status FROM saga.run o WHERE o.id = k.run) = 11))"""

_PROGRESS = f"""EXISTS (SELECT 1 FROM saga.journal j WHERE j.run = r.id AND j.seq > r.crash_seq
                                                        AND j.kind NOT IN ({IDLE_KINDS}))"""
"""Whether a run (r) got on since it was last taken over; rows of the same statement do not count yet."""

JSON_SEPARATOR = "\x1f"
"""Between JSON texts that go out as one text."""

_JSON = frozenset(("labels", "input", "data", "problem", "output", "error"))
_WORDS = frozenset(("address", "shown", "waiting", "hold", "outcome", "lane"))


def _column(name: str, number: int) -> str:
    """The array that a parameter holds (see `columns`): itself if its words may be any, else a text to be read as one.

    A text between two separators that is empty is null.
    """
    if name in _JSON:
        return f"string_to_array(${number}, '{JSON_SEPARATOR}', '')"
    return f"${number}" if name in _WORDS else f"${number}::text"


def _columns(names: Iterable[str], first: int) -> dict[str, str]:
    return {name: _column(name, first + at) for at, name in enumerate(names)}


_STARTS = """
k AS (INSERT INTO saga.key AS k (project, key, run)
  SELECT x.project, x.key, x.run
    FROM f, unnest({project}::smallint[], {address}::text[], {run}::uuid[]) AS x(project, key, run)
  {key_conflict}
  RETURNING run),
s AS (INSERT INTO saga.run (id, created_at, definition, owner, epoch, project, pool, address, labels, input)
  SELECT x.run, now(), x.definition, f.worker, 1, x.project, x.pool, x.address, x.labels, x.input
    FROM f, unnest({project}::smallint[], {address}::text[], {run}::uuid[], {definition}::int[], {pool}::smallint[],
                   {labels}::jsonb[], {input}::jsonb[])
         AS x(project, address, run, definition, pool, labels, input)
   WHERE (x.run IN (SELECT run FROM k)) IS TRUE
  RETURNING id)"""

_ROW_COLUMNS = ("run", "seq", "kind", "step", "attempt", "at", "data")
_ROWS_GIVEN = """
         unnest({run}::uuid[], {seq}::int[], {kind}::smallint[], {step}::int[], {attempt}::int[], {at}::bigint[],
                {data}::jsonb[]) AS x(run, seq, kind, step, attempt, at, data)"""

_ROWS = f"""
e AS (INSERT INTO saga.journal (run, at, worker, seq, step, attempt, kind, data)
  SELECT x.run, x.at, f.worker, x.seq, x.step, x.attempt, x.kind, x.data
    FROM f,{_ROWS_GIVEN}
  {{conflict}} RETURNING seq)"""

_OUTBOX_COLUMNS = ("run", "seq", "n", "kind", "data", "lane")
_OUTBOX_GIVEN = """
         unnest({run}::uuid[], {seq}::int[], {n}::int[], {kind}::text[], {data}::jsonb[], {lane}::text[])
         AS x(run, seq, n, kind, data, lane)"""

_OUTBOX = f"""
o AS (INSERT INTO saga.outbox (run, seq, n, kind, data, lane, project)
  SELECT x.run, x.seq, x.n, x.kind, x.data, x.lane, (SELECT r.project FROM saga.run r WHERE r.id = x.run)
    FROM f,{_OUTBOX_GIVEN}
  ON CONFLICT DO NOTHING RETURNING seq)"""
"""What a run wants from its start, and its end, may be said again by whoever goes on with it: once is enough."""

# IS NOT DISTINCT FROM keeps the planner off the index on owner (spike.md, trap 2); epoch keeps a batch that is sent
# again from parking a run that was claimed again in between.
_CHANGES = """
u AS (UPDATE saga.run r
    SET owner = NULL, seq = x.seq, mread = x.seen, status = x.status, due = saga.moment(x.due), shown = x.shown,
        waiting = string_to_array(x.waiting, ','), hold = x.hold, problem = x.problem, outcome = x.outcome,
        output = x.output, error = x.error, incomplete = x.incomplete, unread = x.unread,
        closed_at = CASE WHEN x.status >= 10 THEN now() END,
        crashes = CASE WHEN r.crashes > 0 AND {progress} THEN 0 ELSE r.crashes END
   FROM f, unnest({run}::uuid[], {epoch}::int[], {seq}::int[], {seen}::int[], {status}::smallint[], {due}::bigint[],
                  {shown}::text[], {waiting}::text[], {hold}::text[], {problem}::jsonb[], {outcome}::text[],
                  {output}::jsonb[], {error}::jsonb[], {incomplete}::bool[], {unread}::int[])
        AS x(run, epoch, seq, seen, status, due, shown, waiting, hold, problem, outcome, output, error, incomplete,
             unread)
  WHERE r.id = x.run AND r.owner IS NOT DISTINCT FROM f.worker AND r.epoch = x.epoch AND r.mbox = x.seen
  RETURNING r.id, saga.lane(r.pool, r.crashes) AS pool, r.due, r.hold),
w AS (INSERT INTO saga.wake (pool, due, run)
  SELECT pool, due, id FROM u WHERE due IS NOT NULL AND hold IS NULL ON CONFLICT DO NOTHING)"""

_SECTIONS = {
    "starts": (_STARTS, ("project", "address", "run", "definition", "pool", "labels", "input")),
    "rows": (_ROWS, _ROW_COLUMNS),
    "changes": (
        _CHANGES,
        (
            *("run", "epoch", "seq", "seen", "status", "due", "shown", "waiting"),
            *("hold", "problem", "outcome", "output", "error", "incomplete", "unread"),
        ),
    ),
    "outbox": (_OUTBOX, _OUTBOX_COLUMNS),
}


def _write(*sections: str, again: bool = False) -> str:
    """The write statement with these sections; parameters are the worker, then each section's columns in order.

    ``again``: bears with rows that are there already; two more parameters name the runs that may take over a used key.
    It answers one row: now in microseconds and how many starts, rows and changes were written; none when fenced.
    """
    parts, number = [_FENCE], 2
    last = 2 + sum(len(_SECTIONS[section][1]) for section in sections)
    on_conflict = {
        "conflict": "ON CONFLICT DO NOTHING" if again else "",
        "key_conflict": _KEY_CONFLICT.format(again=f"${last}::text", after=f"${last + 1}::text") if again else "",
        "progress": _PROGRESS,
    }
    for section in sections:
        text, columns = _SECTIONS[section]
        parts.append(text.format(**on_conflict, **_columns(columns, number)))
        number += len(columns)
    counts = [
        f"(SELECT count(*) FROM {name})" if section in sections else "0"
        for section, name in (("starts", "s"), ("rows", "e"), ("changes", "u"))
    ]
    return f"WITH {','.join(parts)}\nSELECT saga.micros(now()), {', '.join(counts)} FROM f"


WRITE_ROWS = _write("rows")
"""Journal rows only: half the cost of the larger shapes when one run is worked at a time."""
WRITE_STARTS = _write("starts", "rows")
WRITE_CHANGES = _write("rows", "changes")
WRITE_RUNS = _write("starts", "rows", "changes")
WRITE_ALL = _write("starts", "rows", "changes", "outbox")
WRITE_AGAIN = _write("starts", "rows", "changes", "outbox", again=True)
"""For what may be there already. The others fail on such rows: looking out for them costs a sixth of the WAL."""

WRITTEN_STARTS = "SELECT id, saga.micros(created_at) FROM saga.run WHERE id = ANY($1::uuid[])"

WRITTEN_ROWS = f"""
SELECT j.run, j.seq
  FROM{_ROWS_GIVEN.format(**_columns(_ROW_COLUMNS, 2))}
  JOIN saga.journal j ON j.run = x.run AND j.seq = x.seq
 WHERE j.worker = $1 AND j.kind = x.kind AND j.step = x.step AND j.attempt = x.attempt AND j.at = x.at
   AND j.data = x.data"""
"""Which of these rows are there and ours: equal in all they say."""

WRITTEN_CHANGES = """
SELECT r.id FROM unnest($2::uuid[], $3::int[]) AS x(run, epoch) JOIN saga.run r ON r.id = x.run
 WHERE (r.owner = $1 AND r.epoch = x.epoch) IS NOT TRUE"""
"""Which of these runs left this claim. As long as the fence stands only our own change can have done that."""

FREE_RUNS = "SELECT id FROM saga.run WHERE id = ANY($1::uuid[]) FOR UPDATE SKIP LOCKED"

FENCE_STANDS = "SELECT 1 FROM saga.fence WHERE worker = $1"

JOURNAL_IN_TRANSACTION = f"""
WITH {_FENCE}
INSERT INTO saga.journal (run, at, worker, seq, step, attempt, kind, data)
SELECT $2, $7, f.worker, $3, $5, $6, $4, $8 FROM f
ON CONFLICT DO NOTHING RETURNING seq"""

OUTBOX_IN_TRANSACTION = f"""
INSERT INTO saga.outbox (run, seq, n, kind, data, lane, project)
SELECT x.*, (SELECT r.project FROM saga.run r WHERE r.id = x.run)
  FROM{_OUTBOX_GIVEN.format(**_columns(_OUTBOX_COLUMNS, 1))}
ON CONFLICT DO NOTHING"""

START = (
    """
WITH k AS (INSERT INTO saga.key AS k (project, key, run) VALUES ($1, $2, $3)"""
    + _KEY_CONFLICT.format(again="$4", after="$5")
    + """
  RETURNING run),
s AS (INSERT INTO saga.run (id, created_at, due, definition, project, pool, address, labels, input, parent, parent_ref,
                            undoes, root)
  SELECT run, now(), clock_timestamp(), $6, $1, $7, $2, $8, $9, $10, $11, $12,
         (SELECT coalesce(p.root, p.id) FROM saga.run p WHERE p.id = $10)
    FROM k RETURNING pool, due, id),
w AS (INSERT INTO saga.wake (pool, due, run) SELECT pool, due, id FROM s)
SELECT id FROM s"""
)

# A claim waits for nobody: locked runs keep their wake rows for the next round. Wake rows of runs that are gone go too.
_TAKEN = """
c AS (UPDATE saga.run r SET owner = $1, epoch = r.epoch + 1, due = NULL, waiting = NULL, problem = NULL,
        status = CASE r.status WHEN 3 THEN 3 ELSE 1 END
   FROM l WHERE r.id = l.id AND r.owner IS NULL AND r.status < 10 AND r.hold IS NULL AND {due}
  RETURNING r.id, r.epoch, r.definition, r.project, r.pool, r.address, r.input, r.status, r.created_at, r.lost_epoch,
            r.crashes, r.crash_seq, r.mbox, r.mread, r.parent, r.parent_ref, r.undoes, r.prepared)"""

_CLAIMED = """
SELECT c.id, c.epoch, c.definition, c.project, c.pool, c.address, c.input, c.status, saga.micros(c.created_at),
       c.lost_epoch = c.epoch - 1, c.crashes, c.crash_seq, c.mbox, c.mread, c.parent, c.parent_ref, c.undoes, c.prepared
"""

CLAIM = f"""
WITH {_FENCE},
p AS MATERIALIZED (SELECT (q.id * $4)::smallint AS lane, coalesce(h.held, 0) AS held, coalesce(h.room, $5) AS room
    FROM f, saga.pool q LEFT JOIN unnest($6::text[], $7::int[], $8::int[]) AS h(saga, held, room) ON h.saga = q.saga
   WHERE q.project = $2 AND q.queue = ANY($3::text[])),
a AS MATERIALIZED (SELECT x.lane, count(*) AS n FROM (
    SELECT p.lane FROM p, LATERAL (SELECT row_number() OVER () + p.held AS place FROM (
        SELECT 1 FROM saga.wake WHERE pool = p.lane AND due <= statement_timestamp()
         ORDER BY due, run LIMIT least(p.room, $5)) w) w
     ORDER BY w.place, p.lane LIMIT $5) x GROUP BY x.lane),
d AS MATERIALIZED (SELECT w.pool, w.due, w.run FROM a, LATERAL (
    SELECT pool, due, run FROM saga.wake WHERE pool = a.lane AND due <= statement_timestamp()
     ORDER BY due, run LIMIT a.n FOR UPDATE SKIP LOCKED) w),
l AS MATERIALIZED (SELECT r.id FROM (SELECT DISTINCT run FROM d ORDER BY run) x JOIN saga.run r ON r.id = x.run
    FOR UPDATE OF r SKIP LOCKED),
x AS (DELETE FROM saga.wake w USING d
    WHERE w.pool = d.pool AND w.due = d.due AND w.run = d.run
      AND ((d.run IN (SELECT id FROM l)) IS TRUE OR (SELECT g.id FROM saga.run g WHERE g.id = d.run) IS NULL)),
{_TAKEN.format(due="r.due <= clock_timestamp() AND saga.lane(r.pool, r.crashes) = r.pool * $4")}
{_CLAIMED} FROM f LEFT JOIN c ON true"""
"""Due runs of queues $3, at most $5; whose saga has fewer in hand ($7) comes first, up to its room ($8).

$4: 1, or -1 for those that are worked on alone. No row: fenced. One row of nulls: nothing is due. The time compared to
the index must not be volatile: every timer of the pool would be read.
"""

DUE = """
SELECT 1 FROM saga.pool q, LATERAL (
  SELECT 1 FROM saga.wake WHERE pool = (q.id * $3)::smallint AND due <= statement_timestamp() LIMIT 1) w
 WHERE q.project = $1 AND q.queue = ANY($2::text[]) LIMIT 1"""
"""Whether a run is due in queues $2. $3: as $4 of CLAIM."""

CLAIM_RUN = f"""
WITH {_FENCE},
l AS MATERIALIZED (SELECT r.id, saga.lane(r.pool, r.crashes) AS pool, r.due FROM f, saga.run r WHERE r.id = $2
    FOR UPDATE OF r),
x AS (DELETE FROM saga.wake w USING l WHERE w.pool = l.pool AND w.due = l.due AND w.run = l.id),
{_TAKEN.format(due="($3 OR r.due <= clock_timestamp())")}
{_CLAIMED} FROM f LEFT JOIN c ON true"""
"""One run, due or ($3) not. Answers as CLAIM."""

FAMILY_DUE = """
SELECT id FROM saga.run
 WHERE root = $1 AND owner IS NULL AND status < 10 AND hold IS NULL AND due <= clock_timestamp()
 ORDER BY due LIMIT $2"""

LOCK_FENCE = "SELECT 1 FROM saga.fence WHERE worker = $1 FOR UPDATE"
"""Waits until nothing of this worker is under way; what is asked next in the transaction sees all of it."""

OWNED = _CLAIMED + " FROM saga.run c WHERE c.owner = $1 ORDER BY c.id"

LOAD = """
SELECT j.run, j.seq, j.kind, j.step, j.attempt, j.at, j.data, NULL::text, NULL::text
  FROM unnest($1::uuid[]) AS x(run), LATERAL (SELECT * FROM saga.journal WHERE run = x.run ORDER BY seq) j
UNION ALL
SELECT i.run, i.mseq, i.kind, 0, 0, saga.micros(i.at), i.data, i.name, i.key
  FROM unnest($1::uuid[], $2::int[]) AS x(run, mread),
       LATERAL (SELECT * FROM saga.inbox WHERE run = x.run AND mseq > x.mread ORDER BY mseq) i"""
"""The journals of these runs, then their messages above a number: these have a name."""

LOAD_INBOX = """
SELECT i.run, i.mseq, i.kind, i.name, i.key, i.data, saga.micros(i.at)
  FROM unnest($1::uuid[], $2::int[]) AS x(run, mread),
       LATERAL (SELECT * FROM saga.inbox WHERE run = x.run AND mseq > x.mread ORDER BY mseq) i"""

SEND = f"""
WITH x AS (SELECT * FROM unnest($1::uuid[], $2::smallint[], $3::text[], $4::text[], $5::jsonb[])
                        WITH ORDINALITY AS x(run, kind, name, key, data, n)),
m AS (SELECT run, count(*)::int AS total, count(*) FILTER (WHERE kind = 0) AS signals,
             array_agg(n ORDER BY n) AS ns, array_agg(kind ORDER BY n) AS kinds,
             array_agg(name ORDER BY n) AS names, array_agg(key ORDER BY n) AS keys, array_agg(data ORDER BY n) AS datas
        FROM x
       WHERE NOT EXISTS (SELECT 1 FROM saga.inbox i WHERE i.run = x.run AND i.name = x.name AND i.key = x.key)
       GROUP BY run ORDER BY run),
u AS (UPDATE saga.run r
    SET mbox = r.mbox + m.total, hold = NULL, due = CASE WHEN r.owner IS NULL THEN clock_timestamp() ELSE r.due END
   FROM m WHERE r.id = m.run AND r.status < 10
     AND (m.signals = 0 OR r.unread + r.mbox - r.mread + m.signals <= {MOST_UNREAD})
  RETURNING r.id, r.mbox - m.total AS before, r.mbox, r.owner, saga.lane(r.pool, r.crashes) AS pool, r.due,
            m.ns, m.kinds, m.names, m.keys, m.datas),
i AS (INSERT INTO saga.inbox (run, mseq, kind, name, key, data)
  SELECT u.id, u.before + y.place, y.kind, y.name, y.key, y.data
    FROM u, unnest(u.kinds, u.names, u.keys, u.datas) WITH ORDINALITY AS y(kind, name, key, data, place)),
w AS (INSERT INTO saga.wake (pool, due, run) SELECT pool, due, id FROM u WHERE owner IS NULL ON CONFLICT DO NOTHING),
b AS (INSERT INTO saga.mail (worker, run, mseq) SELECT owner, id, mbox FROM u WHERE owner IS NOT NULL
  ON CONFLICT DO NOTHING)
SELECT y.n, u.before + y.place, u.owner, u.pool FROM u, unnest(u.ns) WITH ORDINALITY AS y(n, place)"""
"""Messages in ascending order of run. Answers those stored: their place (from 1), mailbox number, owner and pool."""

WHY_NOT_SENT = """
SELECT x.n, r.status >= 10,
       (SELECT true FROM saga.inbox i WHERE i.run = x.run AND i.name = x.name AND i.key = x.key)
  FROM unnest($1::uuid[], $2::text[], $3::text[]) WITH ORDINALITY AS x(run, name, key, n)
  LEFT JOIN saga.run r ON r.id = x.run"""

SEND_TO_ENDED = """
WITH u AS (UPDATE saga.run r SET mbox = r.mbox + 1
   WHERE r.id = $1 AND r.status >= 10
     AND NOT EXISTS (SELECT 1 FROM saga.inbox i WHERE i.run = $1 AND i.name = $3 AND i.key = $4)
  RETURNING r.mbox, r.project),
i AS (INSERT INTO saga.inbox (run, mseq, kind, name, key, data) SELECT $1, u.mbox, $2, $3, $4, $5 FROM u),
o AS (INSERT INTO saga.outbox (run, seq, n, kind, data, project) SELECT $1, 0, u.mbox, $6, $7, u.project FROM u)
SELECT mbox FROM u"""

MARK_READ = f"""
WITH {_FENCE}
UPDATE saga.run r SET mread = x.mseq FROM f, unnest($2::uuid[], $3::int[]) AS x(run, mseq)
 WHERE r.id = x.run AND r.owner IS NOT DISTINCT FROM f.worker AND r.mread < x.mseq"""

MAIL = "DELETE FROM saga.mail WHERE worker = $1 RETURNING run"

SHOW = f"""
WITH {_FENCE}
UPDATE saga.run r SET shown = x.shown FROM f, unnest($2::uuid[], $3::text[]) AS x(run, shown)
 WHERE r.id = x.run AND r.owner IS NOT DISTINCT FROM f.worker AND r.shown IS DISTINCT FROM x.shown"""

OFFER = """
WITH u AS (UPDATE saga.run r SET hold = NULL, problem = NULL, due = clock_timestamp()
   FROM (SELECT id FROM saga.run WHERE project = $1 AND hold = ANY($2::text[])
            AND ($3::uuid IS NULL OR id = $3 OR root = $3) ORDER BY id) x
  WHERE r.id = x.id AND r.hold = ANY($2::text[]) AND r.owner IS NULL AND r.status < 10
  RETURNING saga.lane(r.pool, r.crashes) AS pool, r.due, r.id),
w AS (INSERT INTO saga.wake (pool, due, run) SELECT pool, due, id FROM u ON CONFLICT DO NOTHING)
SELECT pool FROM u"""

PREPARED = f"""
WITH {_FENCE}
UPDATE saga.run r SET input = $3, labels = $4, prepared = true FROM f
 WHERE r.id = $2 AND r.owner IS NOT DISTINCT FROM f.worker"""
"""The input of a run that saga.start_run was given is as its saga wants it now."""

TAKE_PERMITS = f"""
WITH {_FENCE}
INSERT INTO saga.permit AS p (project, name, n, worker)
SELECT $2, v.name, v.n, f.worker
  FROM f, unnest($3::text[], $4::int[], $5::int[]) AS x(name, running, wanted), LATERAL (
    SELECT x.name, s.n FROM generate_series(1, x.running) AS s(n)
     WHERE NOT EXISTS (SELECT 1 FROM saga.permit q JOIN saga.fence g ON g.worker = q.worker
                        WHERE q.project = $2 AND q.name = x.name AND q.n = s.n)
     LIMIT x.wanted) v
 ORDER BY v.name, v.n
    ON CONFLICT (project, name, n) DO UPDATE SET worker = excluded.worker
       WHERE NOT EXISTS (SELECT 1 FROM saga.fence g WHERE g.worker = p.worker)
RETURNING p.name, p.n"""
"""Permits for these names, of 1 to ``running`` each, as far as nobody alive has them."""

GIVE_PERMITS = """
DELETE FROM saga.permit p USING unnest($3::text[], $4::int[]) AS x(name, n)
 WHERE p.project = $2 AND p.name = x.name AND p.n = x.n AND p.worker = $1"""

KEEP_PERMITS = """
DELETE FROM saga.permit p
 WHERE p.project = $2 AND p.worker = $1
   AND NOT EXISTS (SELECT 1 FROM unnest($3::text[], $4::int[]) AS x(name, n) WHERE x.name = p.name AND x.n = p.n)"""
"""Gives back all permits of a worker but these."""

"""The SQL of leases and takeover (engine.md S4 and S5): who is alive, who is dead, what becomes of a dead one's runs.

Order matters: a worker's fence row is deleted and that committed, then its runs are freed in a second statement. In one
statement the second part would miss runs that the dead one started in the batch that was waited for.
"""

from __future__ import annotations

from saga.interpreter.status import Status
from saga.interpreter.stored import CRASH_LIMIT, CRASHING, NO_PROGRESS_KINDS

IDLE_KINDS = ", ".join(map(str, NO_PROGRESS_KINDS))
LIVENESS_KEYS = 0x5A6A << 40
"""Session advisory locks of workers are numbered from here."""

ENLIST = """
WITH w AS (INSERT INTO saga.worker (project, pools, only_run, host, pid, lease, lease_until)
  VALUES ($1, $2, $3, $4, $5, $6 * interval '1 microsecond', clock_timestamp() + $6 * interval '1 microsecond')
  RETURNING id),
f AS (INSERT INTO saga.fence (worker) SELECT id FROM w)
SELECT id FROM w"""

RENEW = """
UPDATE saga.worker SET renewed_at = clock_timestamp(), lease_until = clock_timestamp() + lease
 WHERE id = $1 RETURNING saga.micros(clock_timestamp())"""

HOLD_LIVENESS = f"SELECT pg_try_advisory_lock({LIVENESS_KEYS} + $1::int)"

SUSPECTS = f"""
SELECT id FROM saga.worker
 WHERE id <> $1 AND (lease_until < clock_timestamp()
       OR CASE WHEN renewed_at < clock_timestamp() - interval '2 seconds'
               THEN pg_try_advisory_xact_lock({LIVENESS_KEYS} + id) ELSE false END)"""
"""Workers whose lease ran out, or whose session is gone and who did not renew for two seconds (a blip is no death)."""

_DELETED = """,
w AS (DELETE FROM saga.worker w USING d WHERE w.id = d.id),
m AS (DELETE FROM saga.mail m USING d WHERE m.worker = d.id)
DELETE FROM saga.fence f USING d WHERE f.worker = d.id RETURNING f.worker"""

FELL = f"""
WITH d AS (SELECT id FROM saga.worker
   WHERE id = $1 AND (lease_until < clock_timestamp() OR renewed_at < clock_timestamp() - interval '2 seconds')
     FOR UPDATE SKIP LOCKED){_DELETED}"""
"""Declares a worker dead, unless it is just renewing; waits for its statement under way."""

LEFT = f"""
WITH d AS (SELECT id FROM saga.worker WHERE id = $1 FOR UPDATE){_DELETED}"""
"""Takes a worker off that leaves; its own last renewal may be under way, and is waited for."""

FREE_OUTBOX = """
UPDATE saga.outbox SET taker = NULL, not_before = clock_timestamp() WHERE taker = $1 AND delivered_at IS NULL"""
"""What a fallen worker was delivering is for others; after FELL, for the same reason as FREE."""

ORPHANED = """
WITH RECURSIVE o(owner) AS (
  SELECT min(owner) FROM saga.run WHERE owner IS NOT NULL
  UNION ALL
  SELECT (SELECT min(r.owner) FROM saga.run r WHERE r.owner > o.owner) FROM o WHERE o.owner IS NOT NULL)
SELECT owner FROM o WHERE owner IS NOT NULL AND NOT EXISTS (SELECT 1 FROM saga.fence WHERE worker = o.owner)"""
"""Owners without a fence: dead, but somebody died between the two statements. Hops from owner to owner by the index."""

FREE = f"""
WITH x AS MATERIALIZED (
  SELECT r.id, coalesce(j.seq, 0) AS seq,
         CASE WHEN NOT $2 THEN r.crashes WHEN coalesce(j.seq, 0) > r.crash_seq THEN 1 ELSE r.crashes + 1 END AS crashes,
         CASE WHEN NOT $2 THEN r.crash_seq ELSE coalesce(j.seq, 0) END AS crash_seq
    FROM (SELECT * FROM saga.run WHERE owner = $1 ORDER BY owner, id LIMIT 5000) r
    LEFT JOIN LATERAL (SELECT seq FROM saga.journal WHERE run = r.id AND kind NOT IN ({IDLE_KINDS})
                        ORDER BY seq DESC LIMIT 1) j ON true),
u AS (UPDATE saga.run r
    SET owner = NULL, lost_epoch = r.epoch, crashes = x.crashes, crash_seq = x.crash_seq,
        due = CASE WHEN $2 AND x.crashes >= {CRASH_LIMIT} THEN NULL ELSE clock_timestamp() END,
        status = CASE WHEN $2 AND x.crashes >= {CRASH_LIMIT} THEN {Status.STUCK} ELSE r.status END,
        problem = CASE WHEN $2 AND x.crashes >= {CRASH_LIMIT} THEN jsonb '{CRASHING}' ELSE r.problem END
   FROM x WHERE r.id = x.id AND r.owner = $1
  RETURNING r.id, saga.lane(r.pool, r.crashes) AS pool, r.due),
w AS (INSERT INTO saga.wake (pool, due, run) SELECT pool, due, id FROM u WHERE due IS NOT NULL ON CONFLICT DO NOTHING)
SELECT pool, count(*) FROM u GROUP BY pool"""
"""Frees up to 5,000 runs of a fallen worker; $2: it crashed, so that counts against the run (semantics.md 16)."""

WORKERS = """
SELECT w.id, w.project, array(SELECT queue FROM saga.pool p WHERE p.id = ANY(w.pools) ORDER BY p.id), w.only_run,
       w.host, w.pid, saga.micros(w.started_at), saga.micros(w.lease_until)
  FROM saga.worker w WHERE w.lease_until > clock_timestamp() ORDER BY w.id"""

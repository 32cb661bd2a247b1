-- What runs have to do with each other and with others: families of runs, events, tasks, progress.

ALTER TABLE saga.run
  ADD COLUMN parent     uuid,             -- the run of which it does one step
  ADD COLUMN root       uuid,             -- the topmost run of its family; null for that one itself
  ADD COLUMN undoes     uuid,             -- the ended run that it undoes
  ADD COLUMN parent_ref jsonb,            -- which step of its parent: [step, [iteration], undo]
  ADD COLUMN unread     int NOT NULL DEFAULT 0;   -- signals read that no step has taken yet, at the last park
CREATE INDEX run_family ON saga.run (root) WHERE root IS NOT NULL;

-- Rows of one run and lane are delivered in order; a row that cannot be delivered holds up its lane, nothing else.
ALTER TABLE saga.outbox
  ADD COLUMN position bigint,             -- of an event, in the order in which readers may rely on
  ADD COLUMN taker    int,                -- the worker that is delivering it, until not_before
  ADD COLUMN project  smallint,
  ADD COLUMN lane     text COLLATE "C" NOT NULL DEFAULT '';
UPDATE saga.outbox o SET project = r.project, lane = o.seq || '.' || o.n FROM saga.run r WHERE r.id = o.run;
ALTER TABLE saga.outbox ALTER COLUMN project SET NOT NULL;
DROP INDEX saga.outbox_open;
CREATE INDEX outbox_open ON saga.outbox (project, (kind = 'emit'), not_before, at, run, seq, n)
  WHERE delivered_at IS NULL;
CREATE INDEX outbox_lane ON saga.outbox (run, lane, seq, n) WHERE delivered_at IS NULL;
CREATE INDEX outbox_taker ON saga.outbox (taker) WHERE delivered_at IS NULL AND taker IS NOT NULL;
CREATE UNIQUE INDEX outbox_position ON saga.outbox (position) WHERE position IS NOT NULL;
CREATE SEQUENCE saga.event_position;

-- What runs have emitted. Positions become visible in ascending order: remember the last one you have read.
--   SELECT * FROM saga.event WHERE position > $1 ORDER BY position LIMIT 100
CREATE VIEW saga.event AS
  SELECT o.position, o.data ->> 'id' AS id, o.data ->> 'topic' AS topic, p.name AS project, r.address AS run,
         saga.moment((o.data ->> 'at')::bigint) AS at, o.data -> 'data' AS data
    FROM saga.outbox o
    JOIN saga.run r ON r.id = o.run
    JOIN saga.project p ON p.id = o.project
   WHERE o.position IS NOT NULL;

-- Work that runs offer to workers of any kind: the latest attempt of each remote action.
CREATE TABLE saga.task (
  run         uuid NOT NULL,
  offered_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  lease_until timestamptz,                -- until when the one who has it may be silent
  ends_at     timestamptz,                -- when its attempt_timeout is over
  attempt_timeout bigint NOT NULL,        -- in microseconds, counted from the taking
  heartbeat   bigint,
  lease       bigint,                     -- for how long the one who has it may be silent
  attempt     int NOT NULL,
  project     smallint NOT NULL,
  state       smallint NOT NULL DEFAULT 0,   -- 0 offered 1 taken 2 over
  stopping    bool NOT NULL DEFAULT false,   -- its taker is to be told that it is not wanted any more
  key         text COLLATE "C" NOT NULL,  -- the idempotency key of the action
  topic       text COLLATE "C" NOT NULL,  -- 'task:billing.charge' or, for workers of saga, 'queue:gpu'
  holder      text,                       -- who took it
  ref         jsonb NOT NULL,             -- which action of its run
  data        jsonb NOT NULL,             -- what is to be done
  details     jsonb,                      -- progress, kept for the next attempt
  PRIMARY KEY (run, key)
);
CREATE INDEX task_offered ON saga.task (project, topic, offered_at) WHERE state = 0;
CREATE INDEX task_taken ON saga.task (lease_until) WHERE state = 1;

-- How far long actions have got: kept for their next attempt.
CREATE TABLE saga.progress (
  run     uuid NOT NULL,
  at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  key     text COLLATE "C" NOT NULL,
  details jsonb NOT NULL,
  PRIMARY KEY (run, key)
);

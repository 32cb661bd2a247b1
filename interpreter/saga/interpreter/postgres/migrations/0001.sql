-- The tables of saga. Read it as a page: what is kept about whom, and which question each index answers.
-- Hot tables carry no foreign keys; the columns stand in the order that wastes no space.

-- Points in time travel as microseconds since the Unix epoch; these two are inlined by the planner.
CREATE FUNCTION saga.moment(bigint) RETURNS timestamptz LANGUAGE sql STABLE AS
  $$ SELECT timestamptz 'epoch' + $1 * interval '1 microsecond' $$;
CREATE FUNCTION saga.micros(timestamptz) RETURNS bigint LANGUAGE sql STABLE AS
  $$ SELECT (extract(epoch FROM $1) * 1000000)::bigint $$;

CREATE TABLE saga.project (
  id   smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL UNIQUE
);

-- What workers claim from: one number for a queue of a project.
CREATE TABLE saga.pool (
  id      smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  project smallint NOT NULL,
  queue   text NOT NULL,
  UNIQUE (project, queue)
);

CREATE TABLE saga.definition (
  id            int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  project       smallint NOT NULL,
  name          text NOT NULL,
  version       int NOT NULL,
  label         text NOT NULL,           -- '1', or for another text of version 1 '1+3f9a'
  digest        bytea NOT NULL,
  text          text NOT NULL,
  created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  registered_at timestamptz NOT NULL DEFAULT clock_timestamp(),   -- the last time: decides what is latest
  UNIQUE (project, digest),
  UNIQUE (project, name, label)
);
CREATE INDEX definition_latest ON saga.definition (project, name, registered_at DESC);

-- Which run an address 'name/id' means.
CREATE TABLE saga.key (
  project smallint NOT NULL,
  key     text COLLATE "C" NOT NULL,
  run     uuid NOT NULL,
  PRIMARY KEY (project, key)
);

-- One row a run, changed when it is claimed, parked, released and ended; not at every step.
CREATE TABLE saga.run (
  id         uuid NOT NULL PRIMARY KEY,
  created_at timestamptz NOT NULL,
  due        timestamptz,                 -- when to wake it; null: only by a message
  closed_at  timestamptz,
  definition int NOT NULL,
  owner      int,                         -- the worker that has it in hand
  epoch      int NOT NULL DEFAULT 0,      -- counts claims
  seq        int NOT NULL DEFAULT 0,      -- last journal row at the last park, release or end
  mbox       int NOT NULL DEFAULT 0,      -- messages received
  mread      int NOT NULL DEFAULT 0,      -- messages read at the last park, release or end
  lost_epoch int NOT NULL DEFAULT -1,     -- the claim whose owner died with the run in hand
  crashes    int NOT NULL DEFAULT 0,      -- takeovers since it last made progress, as counted at the last takeover
  crash_seq  int NOT NULL DEFAULT 0,      -- last journal row of progress at the last takeover
  project    smallint NOT NULL,
  pool       smallint NOT NULL,
  status     smallint NOT NULL DEFAULT 1, -- 1 running 2 waiting 3 compensating 4 stuck 5 paused; 10 completed 11 compensated 12 terminated
  incomplete bool NOT NULL DEFAULT false,
  address    text NOT NULL,
  shown      text,                        -- the business status
  waiting    text[],                      -- signals that an open wait can take
  hold       text,                        -- what its worker lacked: not claimed until a worker offers it
  problem    jsonb,
  outcome    text,
  labels     jsonb,
  input      jsonb NOT NULL,
  output     jsonb,
  error      jsonb,
  CONSTRAINT ended_runs_rest CHECK (status < 10 OR (owner IS NULL AND due IS NULL AND closed_at IS NOT NULL))
) WITH (fillfactor = 70);
CREATE INDEX run_list  ON saga.run (project, id);
CREATE INDEX run_owner ON saga.run (owner) WHERE owner IS NOT NULL;
CREATE INDEX run_stuck ON saga.run (project, id) WHERE status = 4;
CREATE INDEX run_held  ON saga.run (project, hold) WHERE hold IS NOT NULL;

-- What happened to each run, append only.
CREATE TABLE saga.journal (
  run     uuid NOT NULL,
  at      bigint NOT NULL,                -- microseconds since the Unix epoch
  worker  int NOT NULL,
  seq     int NOT NULL,
  step    int NOT NULL,
  attempt int NOT NULL,
  kind    smallint NOT NULL,
  data    jsonb NOT NULL,
  PRIMARY KEY (run, seq)
);

-- Messages to runs: signals (kind 0) and requests of operators.
CREATE TABLE saga.inbox (
  run  uuid NOT NULL,
  at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  mseq int NOT NULL,
  kind smallint NOT NULL,
  name text NOT NULL,
  key  text,
  data jsonb NOT NULL,
  PRIMARY KEY (run, mseq)
);
CREATE UNIQUE INDEX inbox_once ON saga.inbox (run, name, key) WHERE key IS NOT NULL;

-- Who has mail: a hint to owners, read and deleted by them.
CREATE TABLE saga.mail (
  worker int NOT NULL,
  run    uuid NOT NULL,
  mseq   int NOT NULL,
  PRIMARY KEY (worker, run, mseq)
);

-- What is due. Tiny; rows may be stale: the run's own row decides.
CREATE TABLE saga.wake (
  due  timestamptz NOT NULL,
  pool smallint NOT NULL,
  run  uuid NOT NULL,
  PRIMARY KEY (pool, due, run)
);

-- What runs send out. seq 0: on behalf of an ended run, n is then the mailbox number.
CREATE TABLE saga.outbox (
  run          uuid NOT NULL,
  at           timestamptz NOT NULL DEFAULT clock_timestamp(),
  delivered_at timestamptz,
  not_before   timestamptz NOT NULL DEFAULT '-infinity',
  problem      text,                      -- why it could not be delivered the last time
  seq          int NOT NULL,
  n            int NOT NULL,
  kind         text NOT NULL,
  data         jsonb NOT NULL,
  PRIMARY KEY (run, seq, n)
);
CREATE INDEX outbox_open ON saga.outbox (at, run, seq, n) WHERE delivered_at IS NULL;

CREATE TABLE saga.worker (
  id          int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  started_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  renewed_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  lease_until timestamptz NOT NULL,
  lease       interval NOT NULL,
  project     smallint NOT NULL,
  pools       smallint[] NOT NULL,
  only_run    uuid,
  pid         int NOT NULL,
  host        text NOT NULL
) WITH (fillfactor = 50);

-- Each write of a worker takes its row FOR KEY SHARE; deleting it is how the worker is declared dead. Never updated.
CREATE TABLE saga.fence (worker int NOT NULL PRIMARY KEY);

-- Ended runs and the journal do not change, whoever tries; retention says so first: SET LOCAL saga.retention = 'on'.
CREATE FUNCTION saga.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND current_setting('saga.retention', true) = 'on' THEN
    RETURN OLD;
  END IF;
  IF TG_OP = 'UPDATE' AND TG_TABLE_NAME = 'run' THEN
    OLD.mbox := NEW.mbox;                 -- late messages are still counted
    IF NEW IS NOT DISTINCT FROM OLD THEN
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'saga: % of % is refused: it is a record of what happened', lower(TG_OP), TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER ended_runs_stay BEFORE UPDATE OR DELETE ON saga.run
  FOR EACH ROW WHEN (OLD.status >= 10) EXECUTE FUNCTION saga.refuse_change();
CREATE TRIGGER journal_stays BEFORE UPDATE OR DELETE ON saga.journal
  FOR EACH ROW EXECUTE FUNCTION saga.refuse_change();

ALTER TABLE saga.wake SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE saga.mail SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);

-- The journal for people: SELECT * FROM saga.history WHERE address = 'checkout/o-1'.
CREATE VIEW saga.history AS
  SELECT p.name AS project, r.address, j.seq, saga.moment(j.at) AS at, j.kind, j.step, j.attempt, j.data, j.worker,
         r.id AS run, d.label AS version
    FROM saga.journal j
    JOIN saga.run r ON r.id = j.run
    JOIN saga.project p ON p.id = r.project
    JOIN saga.definition d ON d.id = r.definition
   ORDER BY r.id, j.seq;

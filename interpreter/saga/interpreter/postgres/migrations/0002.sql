-- Sharing: a pool for each saga, so that claims can be fair; permits for limits; runs started from anybody's transaction.

-- A worker claims from all pools of its queues, in turns by saga. Runs from before this version are in pools of saga ''.
ALTER TABLE saga.pool ADD COLUMN saga text NOT NULL DEFAULT '';
ALTER TABLE saga.pool DROP CONSTRAINT pool_project_queue_key;
ALTER TABLE saga.pool ADD UNIQUE (project, queue, saga);

-- What saga.start_run must know of a saga without reading its text.
ALTER TABLE saga.definition ADD COLUMN queue text NOT NULL DEFAULT 'default';
ALTER TABLE saga.definition ADD COLUMN computes_id bool NOT NULL DEFAULT false;     -- the file says `id:`
ALTER TABLE saga.definition ADD COLUMN reuses_id bool NOT NULL DEFAULT false;       -- id_reuse: after_undone

-- The input as saga.start_run was given it; prepared: whether `input` has been checked and completed since.
ALTER TABLE saga.run ADD COLUMN given jsonb;
ALTER TABLE saga.run ADD COLUMN prepared bool NOT NULL DEFAULT true;

-- A run whose workers died twice in a row is woken in a lane of its own: the number of its pool, negative. It is worked
-- on alone in its process (semantics.md 16).
CREATE FUNCTION saga.lane(pool smallint, crashes int) RETURNS smallint LANGUAGE sql IMMUTABLE AS
  $$ SELECT CASE WHEN $2 >= 2 THEN (-$1)::smallint ELSE $1 END $$;

-- Who may make an attempt where a saga or a step has limits: n counts from 1 to the limit. A permit whose worker has no
-- fence any more is free.
CREATE TABLE saga.permit (
  project smallint NOT NULL,
  worker  int NOT NULL,
  n       int NOT NULL,
  name    text COLLATE "C" NOT NULL,      -- 'checkout', or of one step 'checkout/charge'
  PRIMARY KEY (project, name, n)
) WITH (fillfactor = 50);

-- A uuidv7: the time in front keeps index inserts at the right edge.
CREATE FUNCTION saga.new_id() RETURNS uuid LANGUAGE sql VOLATILE AS $$
  SELECT encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
    PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6),
    52, 1), 53, 1), 'hex')::uuid $$;

-- Starts a run in the caller's transaction: it exists if and when that commits. Returns the run. No row that others
-- need is locked; only another start under the same id waits for the end of this transaction. The same id and input give
-- the run that there is; another input raises unique_violation. The input is checked and completed when a worker claims
-- the run: one that does not fit ends it, compensated, with the reason as its error.
CREATE FUNCTION saga.start_run(project text, saga text, input jsonb DEFAULT '{}', id text DEFAULT NULL)
  RETURNS uuid LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  asked   record;
  known   record;
  new_run uuid := saga.new_id();
  called  text;
  moment  timestamptz := clock_timestamp();
BEGIN
  SELECT d.id, d.project, d.computes_id, d.reuses_id, l.id AS pool INTO asked
    FROM saga.definition d
    JOIN saga.project p ON p.id = d.project
    JOIN saga.pool l ON l.project = d.project AND l.queue = d.queue AND l.saga = d.name
   WHERE p.name = start_run.project AND d.name = start_run.saga ORDER BY d.registered_at DESC LIMIT 1;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no saga "%" is registered in project "%"', start_run.saga, start_run.project
      USING ERRCODE = 'undefined_object', HINT = 'start a worker of the project once: it registers its sagas';
  END IF;
  IF asked.computes_id AND start_run.id IS NULL THEN
    RAISE EXCEPTION 'saga "%" computes its id from the input; here it must be given', start_run.saga
      USING ERRCODE = 'null_value_not_allowed', HINT = 'pass what its `id:` comes to as the fourth argument';
  END IF;
  IF start_run.id !~ '^[^[:space:][:cntrl:]/]{1,200}$' THEN
    RAISE EXCEPTION 'the id of a run has 1 to 200 characters, no spaces, slashes or control characters'
      USING ERRCODE = 'invalid_parameter_value', HINT = 'it is ' || quote_literal(left(start_run.id, 200));
  END IF;
  IF start_run.input IS NULL OR jsonb_typeof(start_run.input) <> 'object' THEN
    RAISE EXCEPTION 'the input of a run is a JSON object' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  called := start_run.saga || '/' || coalesce(start_run.id, new_run::text);
  INSERT INTO saga.key (project, key, run) VALUES (asked.project, called, new_run) ON CONFLICT DO NOTHING;
  IF NOT FOUND AND asked.reuses_id THEN
    UPDATE saga.key k SET run = new_run
     WHERE k.project = asked.project AND k.key = called AND (SELECT r.status FROM saga.run r WHERE r.id = k.run) = 11;
  END IF;
  IF NOT FOUND THEN
    SELECT r.id, coalesce(r.given, r.input) = start_run.input AS same INTO STRICT known
      FROM saga.key k JOIN saga.run r ON r.id = k.run WHERE k.project = asked.project AND k.key = called;
    IF NOT known.same THEN
      RAISE EXCEPTION '% was started with another input', called
        USING ERRCODE = 'unique_violation', HINT = 'use another id for another input';
    END IF;
    RETURN known.id;
  END IF;
  INSERT INTO saga.run (id, created_at, due, definition, project, pool, address, input, given, prepared)
    VALUES (new_run, moment, moment, asked.id, asked.project, asked.pool, called, start_run.input, start_run.input,
            false);
  INSERT INTO saga.wake (pool, due, run) VALUES (asked.pool, moment, new_run);
  RETURN new_run;
END $$;
REVOKE EXECUTE ON FUNCTION saga.start_run FROM PUBLIC;

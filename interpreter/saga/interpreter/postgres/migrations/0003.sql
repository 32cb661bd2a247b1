-- What the HTTP server keeps: answers by key, tokens, the record of who changed what.

-- Answers to requests that carried an Idempotency-Key, for a day. status null: begun, and not answered yet.
CREATE TABLE saga.repeat (
  begun_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  lease_until timestamptz NOT NULL,       -- begun and not answered by then: its server died
  status      int,
  project     smallint NOT NULL,
  caller      text COLLATE "C" NOT NULL,
  key         text COLLATE "C" NOT NULL,
  digest      bytea NOT NULL,             -- of all that was asked
  location    text,
  body        bytea,
  PRIMARY KEY (project, caller, key)
);
CREATE INDEX repeat_age ON saga.repeat (begun_at);

-- What has happened lately, whichever the run: the journal is written in about this order, so a small index will do.
CREATE INDEX journal_lately ON saga.journal USING brin (at) WITH (pages_per_range = 16, autosummarize = on);

-- Who may ask the server for what, and the record of who changed what.

-- Tokens: only their hash is kept. A revoked one stays, so that a project that once had tokens is never open again.
CREATE TABLE saga.token (
  id         text COLLATE "C" NOT NULL PRIMARY KEY,   -- the part of its text that may be shown
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at timestamptz NOT NULL,
  used_at    timestamptz,                             -- at most a minute old
  revoked_at timestamptz,
  project    smallint NOT NULL,
  name       text NOT NULL,
  created_by text NOT NULL,
  revoked_by text,
  scopes     text[] NOT NULL,
  hash       bytea NOT NULL                           -- SHA-256 of the whole text
);
CREATE INDEX token_list ON saga.token (project, created_at DESC);

-- Every change by a person or a token, recorded before it is made. after: what came of it; null: nobody knows.
CREATE TABLE saga.audit (
  id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  run     uuid,
  project smallint NOT NULL,
  address text,
  who     text NOT NULL,
  via     text NOT NULL,                              -- cli, http, webhook, python
  action  text NOT NULL,
  what    jsonb NOT NULL,
  before  jsonb NOT NULL,
  after   jsonb
);
CREATE INDEX audit_list ON saga.audit (project, id);
CREATE INDEX audit_run  ON saga.audit (run, id) WHERE run IS NOT NULL;

-- A record is finished once and does not change; retention says so first: SET LOCAL saga.retention = 'on'.
CREATE FUNCTION saga.refuse_forgery() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND current_setting('saga.retention', true) = 'on' THEN
    RETURN OLD;
  END IF;
  IF TG_OP = 'UPDATE' AND OLD.after IS NULL THEN
    OLD.after := NEW.after;
    OLD.run := coalesce(OLD.run, NEW.run);
    IF NEW IS NOT DISTINCT FROM OLD THEN
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'saga: % of audit is refused: it is a record of what happened', lower(TG_OP)
    USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER audit_stays BEFORE UPDATE OR DELETE ON saga.audit
  FOR EACH ROW EXECUTE FUNCTION saga.refuse_forgery();

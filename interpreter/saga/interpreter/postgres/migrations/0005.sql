-- Where the schedules stand: a row for each saga whose definition registered last has one.
-- A tick is a start and a change of its row in one commit; `turn` lets one worker win.

CREATE TABLE saga.schedule (
  since      timestamptz NOT NULL DEFAULT clock_timestamp(),   -- the last tick seen to; at first, when it was registered
  definition int NOT NULL,
  turn       int NOT NULL DEFAULT 0,      -- counts changes of this row
  project    smallint NOT NULL,
  saga       text COLLATE "C" NOT NULL,
  run        uuid,                        -- the last one it started
  ticks      text NOT NULL,               -- '0 6 * * * Europe/Berlin': another text begins anew
  note       text NOT NULL DEFAULT '',    -- why the last tick started no run
  queued     bigint[] NOT NULL DEFAULT '{}',   -- ticks that wait for the run before to end
  PRIMARY KEY (project, saga)
);

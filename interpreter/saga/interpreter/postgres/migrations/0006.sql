-- Runs may go on under another definition; each journal row is read under the one that it was written under.

ALTER TABLE saga.run
  ADD COLUMN migrated int;                -- the journal row that put it under its definition; null: it began with that

-- As before, but with the version that a row was written under.
CREATE OR REPLACE VIEW saga.history AS
  SELECT p.name AS project, r.address, j.seq, saga.moment(j.at) AS at, j.kind, j.step, j.attempt, j.data, j.worker,
         r.id AS run,
         CASE WHEN j.seq < r.migrated
              THEN (SELECT m.data ->> 'old' FROM saga.journal m
                     WHERE m.run = j.run AND m.kind = 28 AND m.seq > j.seq ORDER BY m.seq LIMIT 1)
              ELSE d.label END AS version
    FROM saga.journal j
    JOIN saga.run r ON r.id = j.run
    JOIN saga.project p ON p.id = r.project
    JOIN saga.definition d ON d.id = r.definition
   ORDER BY r.id, j.seq;

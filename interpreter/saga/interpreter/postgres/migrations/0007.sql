-- Readers of events see what they are about, too.
CREATE OR REPLACE VIEW saga.event AS
  SELECT o.position, o.data ->> 'id' AS id, o.data ->> 'topic' AS topic, p.name AS project, r.address AS run,
         saga.moment((o.data ->> 'at')::bigint) AS at, o.data -> 'data' AS data, o.data ->> 'subject' AS subject
    FROM saga.outbox o
    JOIN saga.run r ON r.id = o.run
    JOIN saga.project p ON p.id = o.project
   WHERE o.position IS NOT NULL;

-- The table that order.yaml marks as shipped. It stands in the database of the runs, so that the mark and the run's
-- journal are one commit. Create it once, before the first order:
--
--     psql "$SAGA_DATABASE_URL" -f sagas/order.sql
--
-- The embedded Postgres runs as long as a command uses it: start `saga worker sagas`, which says where it lives, and
--
--     psql -h THAT_FOLDER/socket -U saga saga -f sagas/order.sql

create table if not exists orders (
    id         text primary key,
    status     text not null default 'new',
    created_at timestamptz not null default now()
);

-- A shop has a row for each order before its saga starts:

insert into orders (id) values ('o-1') on conflict do nothing;

-- The table that order.yaml marks as shipped, in the database of the runs: create it once, before the first order.
--
--     psql "$SAGA_DATABASE_URL" -f order.sql

create table if not exists orders (
    id         text primary key,
    status     text not null default 'new',
    created_at timestamptz not null default now()
);

-- A shop has a row for each order before its saga starts:

insert into orders (id) values ('o-1') on conflict do nothing;

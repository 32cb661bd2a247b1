-- The accounts that transfer.yaml moves money between. They stand in the database of the runs, so that each booking and
-- the run's journal are one commit. Create them once:
--
--     psql "$SAGA_DATABASE_URL" -f sagas/transfer.sql

create table if not exists accounts (
    id      text primary key,
    balance bigint not null check (balance >= 0)    -- in cents
);

insert into accounts (id, balance) values ('ada', 10000), ('bob', 500), ('shop', 0) on conflict do nothing;

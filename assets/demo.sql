-- A shop with a few hundred thousand rows, for trying things out. Everything is made up here; nothing is read from anywhere.
\set ON_ERROR_STOP on
set client_min_messages = warning;
set timezone = 'UTC';
select setseed(0.42) \g /dev/null

create schema catalog;
create schema sales;
create schema stock;
comment on schema sales is 'who bought what';

create type sales.state as enum ('new', 'paid', 'shipped', 'returned');
create domain sales.amount as numeric(12, 2) check (value >= 0);

-- Words to make texts of, so that they compress as texts do.
create temp table words as
select row_number() over () as n, a || b as word
from unnest(array['bright', 'calm', 'deep', 'fine', 'great', 'light', 'new', 'old', 'quiet', 'red', 'soft', 'warm']) a,
     unnest(array['wood', 'steel', 'glass', 'paper', 'cloth', 'stone', 'clay', 'wool', 'silver', 'oak', 'linen', 'copper']) b;
create function pg_temp.text_of(seed integer, length integer) returns text language sql as $$
    select string_agg(word, ' ' order by i) from generate_series(1, length) i join words on n = 1 + (seed * 31 + i * i * 17 + seed / (i + 1)) % 144
$$;

create table catalog.categories (
    id integer generated always as identity primary key,
    parent_id integer references catalog.categories,
    name text not null unique
);
insert into catalog.categories (parent_id, name) select nullif(i / 6, 0), 'category ' || i from generate_series(1, 60) i;

create table catalog.products (
    id integer generated always as identity primary key,
    category_id integer not null references catalog.categories,
    name text not null,
    description text not null,
    attributes jsonb not null,
    price sales.amount not null,
    search tsvector generated always as (to_tsvector('english', name || ' ' || description)) stored
);
insert into catalog.products (category_id, name, description, attributes, price)
select 1 + i % 60, pg_temp.text_of(i, 2), pg_temp.text_of(i * 7, 30),
       jsonb_build_object('weight', i % 900, 'colours', to_jsonb(array[i % 7, i % 11]), 'made', 1990 + i % 35), (i * 37 % 90000) / 100.0
from generate_series(1, 8000) i;

create table sales.customers (
    id integer generated always as identity primary key,
    email text not null unique,
    name text not null,
    born date,
    address jsonb,
    joined timestamptz not null
);
insert into sales.customers (email, name, born, address, joined)
select 'customer' || i || '@example.org', initcap(pg_temp.text_of(i, 2)), case when i % 9 > 0 then date '1940-01-01' + i * 13 % 24000 end,
       jsonb_build_object('street', pg_temp.text_of(i * 3, 1) || ' ' || i % 200, 'city', 'City ' || i % 500, 'zip', lpad((i * 77 % 100000)::text, 5, '0')),
       timestamptz '2019-01-01' + i * interval '73 minutes'
from generate_series(1, 30000) i;

create table sales.orders (
    id bigint generated always as identity primary key,
    customer_id integer not null references sales.customers,
    placed timestamptz not null,
    state sales.state not null default 'new',
    note text
);
insert into sales.orders (customer_id, placed, state, note)
select 1 + (random() * 29999)::integer, timestamptz '2023-01-01' + i * interval '9 minutes', (enum_range(null::sales.state))[1 + i % 4],
       case when i % 5 = 0 then pg_temp.text_of(i, 6) end
from generate_series(1, 120000) i;

create table sales.order_lines (
    order_id bigint not null references sales.orders on delete cascade,
    line integer not null,
    product_id integer not null references catalog.products,
    quantity integer not null check (quantity > 0),
    price sales.amount not null,
    primary key (order_id, line)
);
insert into sales.order_lines
select o, l, 1 + (random() * 7999)::integer, 1 + (random() * 4)::integer, (random() * 900)::numeric(12, 2)
from generate_series(1, 120000) o, generate_series(1, 1 + o % 4) l;

create table stock.movements (
    id bigint generated always as identity,
    at timestamptz not null,
    product_id integer not null,
    change integer not null,
    primary key (id, at)
) partition by range (at);
create table stock.movements_2024 partition of stock.movements for values from ('2024-01-01') to ('2025-01-01');
create table stock.movements_2025 partition of stock.movements for values from ('2025-01-01') to ('2026-01-01');
create table stock.movements_rest partition of stock.movements default;
insert into stock.movements (at, product_id, change)
select timestamptz '2023-11-01' + i * interval '8 minutes', 1 + (random() * 7999)::integer, (random() * 100)::integer - 40 from generate_series(1, 150000) i;

create table catalog.pictures (product_id integer primary key references catalog.products, picture bytea not null);
insert into catalog.pictures
select i, (select string_agg(sha512((i || ' ' || j)::bytea), '' order by j) from generate_series(1, 200) j) from generate_series(1, 600) i;

create index orders_by_customer on sales.orders (customer_id, placed desc);
create index orders_open on sales.orders (placed) where state in ('new', 'paid');
create index lines_by_product on sales.order_lines (product_id) include (quantity);
create index products_search on catalog.products using gin (search);
create index products_attributes on catalog.products using gin (attributes jsonb_path_ops);
create index products_by_category on catalog.products (category_id);
create index movements_by_product on stock.movements (product_id, at);

create view sales.order_totals as
select o.id, o.customer_id, o.placed, o.state, sum(l.quantity * l.price) as total
from sales.orders o join sales.order_lines l on l.order_id = o.id group by o.id;
create materialized view sales.revenue_by_month as
select date_trunc('month', placed at time zone 'UTC') as month, count(*) as orders, sum(total) as revenue from sales.order_totals group by 1;
create unique index revenue_month on sales.revenue_by_month (month);

create function stock.level(product integer) returns bigint language sql stable
begin atomic select coalesce(sum(change), 0) from stock.movements where product_id = product; end;
create function sales.touch() returns trigger language plpgsql as $$ begin new.placed := coalesce(new.placed, now()); return new; end $$;
create trigger orders_touch before insert on sales.orders for each row execute function sales.touch();

-- Two contracts and a receipt as large objects.
select lo_from_bytea(100001, convert_to(repeat('A contract about fine oak. ', 4000), 'UTF8')), lo_from_bytea(100002, sha512('receipt')) \g /dev/null
comment on large object 100001 is 'contract of 2024';
analyze;

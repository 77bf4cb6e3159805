-- The zoo: one of every kind of object and value, hostile names among them, for backup, restore and comparison.
-- Runs in an empty database as a superuser, after zoo_roles.sql, on PostgreSQL 15 to 17. Reruns are not meant.
\set ON_ERROR_STOP on
set client_min_messages = warning;
set timezone = 'UTC';
select current_setting('server_version_num')::int >= 160000 as pg16, current_setting('server_version_num')::int >= 170000 as pg17,
       exists (select from pg_available_extensions where name = 'zoo_config') as own_extension,
       exists (select from pg_collation where collprovider = 'i') as icu \gset

-- ---------------------------------------------------------------- extensions
create schema ext;
create extension hstore schema ext;
create extension citext schema ext;
create extension ltree schema ext;
create extension btree_gist schema ext;
create extension pg_trgm schema ext version '1.6';
create extension postgres_fdw;
create extension file_fdw;
comment on extension hstore is 'a changed comment on an extension';
\if :own_extension
create extension zoo_config;
insert into zoo_config.settings (name, value, builtin) values ('user one', 'kept', false), (E'odd\tname', null, false);
insert into zoo_config.a_counters select 'user''s', 42, id from zoo_config.settings where name = 'user one';
select setval('zoo_config.settings_id_seq', 500) \g /dev/null
\endif

-- ---------------------------------------------------------------- types
create schema types;
comment on schema types is E'a comment with ''quotes'', a \\ backslash\nand a second line';
create type types.mood as enum ('sad', 'ok', 'it''s happy', '', 'ünïcode');
alter type types.mood add value 'between' before 'ok';
create type types.empty_enum as enum ();
create type types.pair as (a integer, "b ""quoted""" text collate "C", c types.mood[]);
create type types.empty_pair as ();
comment on column types.pair.a is 'a column of a composite type';
create domain types.positive as integer default 7 constraint above_zero check (value > 0);
create domain types.not_null_text as text not null collate "C" check (value <> '') check (length(value) < 1000);
create domain types.of_domain as types.positive check (value < 1000000);
create domain types.not_valid as integer;
create domain types.pairs as types.pair check ((value).a is null or (value).a > 0);
create function types.time_diff(time, time) returns double precision language sql immutable strict
    return extract(epoch from ($1 - $2))::double precision;
create type types.timerange as range (subtype = time, subtype_diff = types.time_diff, multirange_type_name = types.timeranges);
create type types.textrange as range (subtype = text, collation = "C");
create type types.shell_only;
create type types.base;
create function types.base_in(cstring) returns types.base language internal immutable strict as 'int4in';
create function types.base_out(types.base) returns cstring language internal immutable strict as 'int4out';
create type types.base (input = types.base_in, output = types.base_out, like = integer, category = 'U', default = '42', delimiter = ';');
alter type types.mood owner to zoo_owner;
grant usage on type types.mood to zoo_reader;
revoke usage on type types.positive from public;
comment on type types.mood is 'how they feel';
comment on domain types.positive is 'a domain';
comment on constraint above_zero on domain types.positive is 'a domain''s check';

create table types.scalars (
    id integer primary key, b boolean, i2 smallint, i4 integer, i8 bigint, f4 real, f8 double precision, n numeric, n2 numeric(1000, 500),
    n3 numeric(5, -2), m money, c char(5), vc varchar(3), t text, nm name, ch "char", ba bytea, d date, tm time, tmtz timetz, tm2 time(2), ts timestamp,
    tstz timestamptz, iv interval, ivy interval year to month, ip inet, net cidr, mac macaddr, mac8 macaddr8, bi bit(5), vb varbit, u uuid, x xml, j json,
    jb jsonb, tv tsvector, tq tsquery, lsn pg_lsn, xid8 xid8, txs pg_snapshot, o oid, rc regclass, rp regprocedure, rt regtype, jp jsonpath, tidv tid
);
insert into types.scalars (id) values (1);
insert into types.scalars values
 (2, true, -32768, -2147483648, -9223372036854775808, '-Infinity', '-Infinity', 'NaN', ('0.' || repeat('0', 499) || '1')::numeric, -1299, '-92233720368547758.08',
  '', '', '', '', '', '', '-infinity', '00:00', '00:00:00+15:59:59', '00:00', '-infinity', '-infinity', '-178000000 years', '-178000000 years',
  '0.0.0.0', '0.0.0.0/0', '00:00:00:00:00:00', '00:00:00:00:00:00:00:00', b'00000', b'', '00000000-0000-0000-0000-000000000000', '<a/>', 'null', 'null', '', '',
  '0/0', '0', '1:1:', 0, 'pg_class', 'lower(text)', 'integer', '$', '(0,1)'),
 (3, false, 32767, 2147483647, 9223372036854775807, 'Infinity', 'Infinity', 'Infinity', (repeat('9', 500) || '.' || repeat('9', 500))::numeric, 99999, '92233720368547758.07',
  'abcde', 'äöü', E'tab\t nl\n cr\r bs\\ bell\a \b\f\v \\N \\. end', 'a name with spaces', 'x', '\x00ff5c0a0d09', 'infinity', '24:00', '23:59:59.999999-15:59:59',
  '23:59:59.99', 'infinity', 'infinity', '178000000 years', '178000000 years', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', '2001:db8::/32', 'ff:ff:ff:ff:ff:ff',
  'ff:ff:ff:ff:ff:ff:ff:ff', b'11111', b'1010101010101010101010101010101', 'ffffffff-ffff-ffff-ffff-ffffffffffff', '<?xml version="1.0"?><a b="&lt;">ü &amp; <!-- c --></a>',
  ' { "a" : 1, "a":2 ,"\u00e9":"\n\t\"" } ', '{"a": 1e308, "b": [null, true, {"": ""}], "c": "\u00e9\ud83d\ude00\\"}', $$'it''s':1A,2B 'a b':3C,4$$, $$('it''s':AB & !'b') <-> 'c' | 'd':*$$,
  'FFFFFFFF/FFFFFFFF', '18446744073709551615', '10:20:10,14,15', 4294967295, 'types.scalars', 'types.time_diff(time,time)', 'types.mood', '$.a[*] ? (@ > 1)', '(4294967295,65535)'),
 (4, null, 0, 0, 0, 'NaN', 'NaN', '-Infinity', -0.0, 0, 0, null, null, '\N', null, null, ('\x' || repeat('5c', 3000))::bytea, '0001-01-01 BC', null, null, null, '4713-01-01 00:00:00 BC',
  '4713-01-01 00:00:00+00 BC', '1 mon -1 day +00:00:00.000001', null, '192.168.1.5/24', null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, '-', '-', '-', null, null),
 (5, null, -1, 1, 1, '-0', '-0', '1e131071', null, null, null, null, null, '\.', null, null, null, '5874897-12-31', null, null, null, '294276-12-31 23:59:59.999999',
  '294276-12-31 23:59:59.999999+00', '-1 mon +1 day -23:59:59.999999', null, '::1', '10.0.0.0/8', null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null),
 (6, null, 1, 1, 1, '1e-45', '5e-324', '1e-16383', null, null, null, null, null, E'\\', null, null, null, '4713-11-24 BC', null, null, null, null, '1900-01-01 00:00:00+00', '0',
  null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null),
 (7, null, 1, 1, 1, '3.4028235e38', '1.7976931348623157e308', '-1.10', null, null, null, null, null, E'\n', null, E'\\377', null, null, null, null, null, null, null, null,
  null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null),
 (8, null, 1, 1, 1, 0.1, 0.1, '00.100', null, null, null, null, null, 'NULL', null, null, null, null, null, null, null, null, null, null,
  null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null),
 (9, null, 1, 1, 1, 16777217, 9007199254740993, 0.30000000000000004, null, null, null, null, null, E'\u0001\u001b[31m\u007f \u202e rtl \U0001F600\u0301 \ufeff', null, null, null, null, null, null, null, null, null, null,
  null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null);

create table types.compound (
    id integer primary key, ia integer[], ta text[][], na numeric[], ba bytea[], p types.pair, pa types.pair[], ep types.empty_pair, m types.mood, ma types.mood[],
    dp types.positive, dt types.of_domain, pp types.pairs, ir int4range, nr numrange, dr daterange, tsr tstzrange, i8r int8range, im int4multirange, tm tstzmultirange,
    tr types.timerange, trs types.timeranges, xr types.textrange, pt point, ln line, ls lseg, bx box, pth path, pth2 path, pg polygon, ci circle,
    h ext.hstore, ct ext.citext, lt ext.ltree, lq ext.lquery, bt types.base, iv int2vector, ov oidvector
);
insert into types.compound (id) values (1);
insert into types.compound values
 (2, '{}', '{}', '{}', '{}', row(null, null, null), '{}', row(), '', '{}', 1, 1, row(1, '', '{}'), 'empty', 'empty', 'empty', 'empty', 'empty', '{}', '{}', 'empty', '{}', 'empty',
  '(0,0)', '{1,0,0}', '[(0,0),(0,0)]', '(0,0),(0,0)', '[(0,0)]', '((0,0))', '((0,0))', '<(0,0),0>', '', '', '', '*', '0', '', ''),
 (3, '[-2:-1][3:4]={{1,NULL},{3,4}}', array[['', 'NULL', null, '"'], ['{}', E'\\', ',', E'a\nb\t']], '{NaN,1e100,-0.00,Infinity}', array['\x00'::bytea, ''::bytea, null],
  row(-1, 'a"b\c,(d)', '{sad,"it''s happy"}'), array[row(1, null, null)::types.pair, null], row(), 'it''s happy', '{ünïcode,NULL,""}', 2147483647, 999999, row(3, 'x', null),
  '(,)', '[-1.5,1e50)', '[-infinity,infinity]', '["0001-01-01 00:00:00+00 BC",infinity)', '[-9223372036854775808,9223372036854775807)', '{[1,3),[5,6),[10,)}',
  '{("2020-01-01 00:00:00+00","2021-01-01 00:00:00+00"]}', '[00:00,24:00)', '{[01:00,02:00),(03:00,04:00]}', '["a,b","c""d\\")', '(Infinity,-Infinity)', '{NaN,1e300,-1}',
  '[(-1e-300,1e300),(NaN,-0)]', '(5,6),(-7,-8)', '[(0,0),(1,1),(2,0)]', '((0,0),(1,1),(2,0))', '((0,0),(1,1),(2,0),(NaN,Infinity))', '<(1e-5,-1e5),1e10>',
  'a=>NULL, "b c"=>"d\"e", ""=>""', 'MiXeD Ünï', 'Top.Science.Astronomy_1', 'Top.*{1,2}.!a|b%', '2147483647', '1 2 3 -4', '1 4294967295');
\if :pg17
create table types.intervals17 (i interval);
insert into types.intervals17 values ('infinity'), ('-infinity');
\endif

-- A row of 1600 columns, a table without columns but with rows, and what dropped columns leave behind.
create schema shapes;
select 'create table shapes.wide (' || string_agg(format('%I smallint', 'column number ' || i), ', ' order by i) || ')' from generate_series(1, 1600) i \gexec
select 'insert into shapes.wide values (' || string_agg(case when i % 7 = 0 then 'null' else (i % 30000)::text end, ', ' order by i) || ')' from generate_series(1, 1600) i \gexec
create table shapes.no_columns ();
insert into shapes.no_columns default values;
insert into shapes.no_columns default values;
create table shapes.empty (a integer, b text);
create table shapes.dropped (gone1 text, a integer, gone2 text default 'x', b text, gone3 integer);
insert into shapes.dropped values ('x', 1, 'y', 'one', 3), (null, 2, null, null, null);
alter table shapes.dropped drop column gone1, drop column gone2, drop column gone3;
alter table shapes.dropped add column late text default 'added later', add column later integer not null default 5;
insert into shapes.dropped values (3, '', null, 6);
create table shapes.all_dropped (a integer);
insert into shapes.all_dropped values (1), (2), (3);
alter table shapes.all_dropped drop column a;
create table shapes.generated (
    id integer generated always as identity (start with 10 increment by -5 minvalue -1000 maxvalue 10 cache 3 cycle) primary key,
    other bigint generated by default as identity (sequence name shapes."odd ident; seq" start 100),
    a numeric, doubled numeric generated always as (a * 2) stored, label text generated always as ('n' || coalesce(a, 0)::bigint::integer) stored);
insert into shapes.generated (a) values (1), (2.5), (null);
insert into shapes.generated (id, other, a) overriding system value values (777, -1, 9);
create table shapes.serials (s2 smallserial, s4 serial primary key, s8 bigserial, note text default 'x' || 1);
insert into shapes.serials (note) select 'row ' || i from generate_series(1, 20) i;
create table shapes.only_generated (a integer generated always as (1 + 1) stored);
insert into shapes.only_generated default values;
create unlogged table shapes.unlogged (id serial primary key, t text);
insert into shapes.unlogged (t) values ('unlogged rows are rows too');
create table shapes.storage (
    id integer not null, plain text, extern text, ext text, main text, lz text compression pglz
) with (fillfactor = 70, autovacuum_enabled = off, toast.autovacuum_enabled = off, toast_tuple_target = 256, parallel_workers = 3);
alter table shapes.storage alter column plain set storage plain, alter column extern set storage external, alter column main set storage main;
alter table shapes.storage alter column id set statistics 777, alter column ext set (n_distinct = -0.5, n_distinct_inherited = 99);
select exists (select from pg_settings where name = 'default_toast_compression' and 'lz4' = any (enumvals)) as lz4 \gset
\if :lz4
alter table shapes.storage alter column lz set compression lz4;
\endif
insert into shapes.storage select i, 'p', repeat('e' || i, 2000), repeat('x' || i, 3000), repeat('m', 1000 * i), repeat(md5(i::text), 500) from generate_series(1, 5) i;
create table shapes.of_type of types.pair (a with options not null default 3, primary key (a));
insert into shapes.of_type values (1, 'typed table', '{ok}');
create access method heap2 type table handler heap_tableam_handler;
create table shapes.other_method (a integer) using heap2;
insert into shapes.other_method values (1);
create table shapes.big (id integer primary key, b bytea, t text);
insert into shapes.big select 1, string_agg(sha512(int4send(i)), '' order by i), null from generate_series(1, 330000) i;
insert into shapes.big select 2, null, string_agg(md5(i::text) || E'\t\\' || chr(10), '' order by i) from generate_series(1, 250000) i;
\if :{?huge}
insert into shapes.big select 3, null, repeat('a hundred megabytes ', 5 * 1024 * 1024);
\endif
create table shapes.many (id bigint generated always as identity primary key, k integer not null, v text, t timestamptz not null default '2020-01-01 00:00:00+00');
insert into shapes.many (k, v) select i % 97, case when i % 11 = 0 then null else md5(i::text) || ' ' || md5((i * 7)::text) end from generate_series(1, 120000) i;
delete from shapes.many where id between 30000 and 42000 or id % 13 = 0;
create index many_k on shapes.many (k);
create index many_v on shapes.many (v) where v is not null;

-- ---------------------------------------------------------------- sequences
create schema seq;
create sequence seq.never_called;
create sequence seq.descending as smallint increment -3 minvalue -30000 maxvalue -1 start -1;
create sequence seq.cycle increment 10 minvalue 5 maxvalue 25 start 15 cycle cache 2;
create sequence seq.at_max maxvalue 3;
create sequence seq.at_min increment -1 minvalue -5 maxvalue 5 start 5;
create sequence seq.int8_max as bigint;
create sequence seq.set_not_called;
create unlogged sequence seq.unlogged;
create sequence seq."odd ""name""; drop table x";
create table seq.owner (id integer);
create sequence seq.owned owned by seq.owner.id;
alter table seq.owner alter column id set default nextval('seq.owned');
select nextval('seq.descending'), nextval('seq.descending'), nextval('seq.cycle'), nextval('seq.cycle'), nextval('seq.cycle'), nextval('seq.unlogged') \g /dev/null
select setval('seq.at_max', 3), setval('seq.at_min', -5), setval('seq.int8_max', 9223372036854775807), setval('seq.set_not_called', 77, false), setval('seq."odd ""name""; drop table x"', 8) \g /dev/null
grant usage on sequence seq.owned to zoo_reader;
alter sequence seq.cycle owner to zoo_owner;

-- ---------------------------------------------------------------- hostile names
create schema "Schema ""quoted"" 50%/..\ ü";
create schema ".hidden.";
create schema "..";
create schema "select";
create schema "a.b";
create table "a.b"."c.d" (x text);
create schema a;
create table a."b.c.d" (x text);
insert into "a.b"."c.d" values ('a.b / c.d');
insert into a."b.c.d" values ('a / b.c.d');
create table "Schema ""quoted"" 50%/..\ ü"."Table ""x""; drop table y; --" ("Column ""1""; --" integer primary key, "50%" text, "a/b" text, "ünï ☃ 😀" text, " " text, "select" text, "new
line" text, "tab	tab" text, "\" text, "'" text check ("'" <> $$it's "$$));
insert into "Schema ""quoted"" 50%/..\ ü"."Table ""x""; drop table y; --" values (1, '%', '/', '☃', ' ', 'select', E'\n', E'\t', '\', 'x'), (2, null, null, null, null, null, null, null, null, null);
create index "Index ""odd"" /%" on "Schema ""quoted"" 50%/..\ ü"."Table ""x""; drop table y; --" ("50%", ("a/b" || "ünï ☃ 😀"));
create table ".hidden."."../../../../etc/passwd" (a text);
insert into ".hidden."."../../../../etc/passwd" values ('not a path');
create table ".."."." (a text);
insert into ".."."." values ('dot');
create table ".."."%2e" (a text);
insert into ".."."%2e" values ('percent');
create table "select"."from" ("where" text default 'group by', "order" text);
insert into "select"."from" values ('a', 'b');
create table "select"."line
break; \! touch /tmp/zoo-was-here
\." (a text);
insert into "select"."line
break; \! touch /tmp/zoo-was-here
\." values (E'line\nbreak');
create table "select"."with spaces and a very long name of exactly 63 bytes, no more..." (a integer);
insert into "select"."with spaces and a very long name of exactly 63 bytes, no more..." values (63);
create table "select"."$$" (a text default $q$ $$ '' \ $q$);
create table "select"."CASE" (a integer);
create table "select"."case" (a integer);
insert into "select"."CASE" values (1);
insert into "select"."case" values (2);
create table "select"."-rf *" (a integer);
create table "select"."C:\Windows\con" (a integer);
create function "select"."fn ""x"" /* */ --"("arg ""1""" integer default 3, out "out ;" text) language sql as $$ select 'x' || $1 $$;
create view "select"."view 'x'" as select "where" as "W h e r e" from "select"."from";
comment on table "select"."from" is E'comment ending in a backslash \\';
comment on column "select"."from"."where" is E'-- \n\\connect postgres\n\\! touch /tmp/zoo-was-here\n; drop schema public cascade;';

-- ---------------------------------------------------------------- constraints and indexes
create schema cons;
create table cons.parent (id integer primary key, code text not null unique, parent_id integer references cons.parent deferrable initially deferred, child_id integer);
create table cons.child (id integer, parent_id integer not null, parent_code text, constraint child_pk primary key (id) include (parent_code) with (fillfactor = 80),
    constraint child_parent foreign key (parent_id) references cons.parent on update cascade on delete restrict,
    constraint child_code foreign key (parent_code) references cons.parent (code) match full on delete set null deferrable initially immediate);
alter table cons.parent add constraint parent_child foreign key (child_id) references cons.child on delete set default;
begin;
insert into cons.parent select i, 'code ' || i, nullif((i * 7) % 50 + 1, i), null from generate_series(1, 50) i;
insert into cons.child select i, (i % 50) + 1, 'code ' || ((i % 50) + 1) from generate_series(1, 100) i;
update cons.parent set child_id = 101 - id;
commit;
create table cons.multi (a integer, b text, c integer, primary key (b, a));
create table cons.multi_ref (x integer, y text, foreign key (y, x) references cons.multi (b, a) on delete set null (x));
insert into cons.multi values (1, 'x', 1), (2, 'x', 2);
insert into cons.multi_ref values (1, 'x'), (null, 'nowhere');
create table cons.not_valid (id integer, parent_id integer, v integer);
insert into cons.not_valid values (1, 999999, -5);
alter table cons.not_valid add constraint dangling foreign key (parent_id) references cons.parent not valid;
alter table cons.not_valid add constraint positive check (v > 0) not valid;
create table cons.checks (a integer not null constraint "a > 0" check (a > 0), b integer, constraint sum check (a + b < 1000), constraint no_inherit check (b <> 5) no inherit);
insert into cons.checks values (1, null), (2, 3);
create table cons.exclusion (room integer, during tstzrange, c circle, exclude using gist (room with =, during with &&) where (room > 0),
    constraint circles exclude using gist (c with &&) deferrable initially deferred);
insert into cons.exclusion values (1, '[2020-01-01 00:00:00+00,2020-01-02 00:00:00+00)', '<(0,0),1>'), (1, '[2020-01-02 00:00:00+00,)', '<(5,5),1>'), (-1, '(,)', '<(50,5),1>'), (-1, '(,)', null);
create table cons.nulls (a integer, b integer, unique nulls not distinct (a, b), constraint deferred unique (b) deferrable initially deferred);
insert into cons.nulls values (1, null), (null, 1), (null, null);
create table cons.unique_index (a integer not null, b text);
insert into cons.unique_index select i, 'b' || i from generate_series(1, 500) i;
create unique index renamed_later on cons.unique_index (a);
alter table cons.unique_index add constraint "unique using index" unique using index renamed_later;
create unique index unique_expression on cons.unique_index (lower(b)) where a > 10;
create table cons.indexed (id integer primary key, t text, n integer, a integer[], j jsonb, p point, r int4range, ts tsvector, h ext.hstore, u uuid, d date);
insert into cons.indexed select i, md5(i::text), i % 10, array[i, i + 1], jsonb_build_object('k', i), point(i, -i), int4range(i, i + 5), to_tsvector('simple', 'word' || i), ext.hstore('k', i::text),
    md5(i::text)::uuid, date '2020-01-01' + i from generate_series(1, 2000) i;
create index on cons.indexed using gin (a);
create index on cons.indexed using gin (j jsonb_path_ops) with (fastupdate = off, gin_pending_list_limit = 128);
create index on cons.indexed using gin (ts);
create index on cons.indexed using gist (p);
create index on cons.indexed using gist (r, ts);
create index on cons.indexed using gist (t ext.gist_trgm_ops (siglen = 32));
create index on cons.indexed using spgist (p kd_point_ops);
create index on cons.indexed using brin (id, d date_minmax_multi_ops (values_per_range = 16)) with (pages_per_range = 4, autosummarize = on);
create index on cons.indexed using hash (u);
create index on cons.indexed (n desc nulls last, t collate "C" text_pattern_ops) include (d, u) where n > 3 and t is not null;
create index on cons.indexed ((n + 1), (lower(t)) varchar_pattern_ops);
create index statistics_target on cons.indexed ((n * 2), id);
alter index cons.statistics_target alter column 1 set statistics 400;
create index cluster_me on cons.indexed (d);
alter table cons.indexed cluster on cluster_me;
create unique index replica on cons.indexed (id, d) where false is not null;
comment on index cons.cluster_me is 'an index comment';
comment on constraint child_parent on cons.child is 'a constraint comment';
create table cons.identity_full (a integer);
alter table cons.identity_full replica identity full;
create table cons.identity_nothing (a integer);
alter table cons.identity_nothing replica identity nothing;
create table cons.identity_index (a integer not null, b integer);
create unique index identity_index_a on cons.identity_index (a);
alter table cons.identity_index replica identity using index identity_index_a;
create access method gist2 type index handler gisthandler;
create statistics cons.stats_all (ndistinct, dependencies, mcv) on t, n, d from cons.indexed;
create statistics cons.stats_expr on (n % 3), (lower(t)) from cons.indexed;
alter statistics cons.stats_all set statistics 300;
comment on statistics cons.stats_expr is 'a statistics comment';
alter statistics cons.stats_expr owner to zoo_owner;

-- ---------------------------------------------------------------- partitions and inheritance
create schema part;
create table part.measure (id bigint generated by default as identity, at date not null, region text not null, v numeric default 1, note text, primary key (id, at, region)) partition by range (at);
create table part.measure_2020 partition of part.measure for values from ('2020-01-01') to ('2021-01-01') partition by list (region);
create table part.measure_2020_eu partition of part.measure_2020 for values in ('eu', 'uk');
create table part.measure_2020_null partition of part.measure_2020 default;
create table part."measure 2021 %" (note text, v numeric default 2, region text not null, extra_dropped integer, at date not null, id bigint not null);
alter table part."measure 2021 %" drop column extra_dropped;
alter table part.measure attach partition part."measure 2021 %" for values from ('2021-01-01') to ('2022-01-01');
create table part.measure_old partition of part.measure (v default 3, constraint only_here check (v < 1000000)) for values from (minvalue) to ('2020-01-01');
create table part.measure_rest partition of part.measure default;
create index measure_region on part.measure (region, at);
create index measure_expr on part.measure ((lower(note))) where note is not null;
create index local_only on part.measure_2020_eu (v);
create index not_attached on only part.measure (v);
create unique index measure_unique on part.measure (at, region, id);
insert into part.measure (at, region, v, note) select date '2019-06-01' + (i % 1000), (array['eu', 'uk', 'us', 'asia'])[1 + i % 4], i / 3.0, nullif('note ' || i % 50, 'note 7') from generate_series(1, 5000) i;
create table part.hashed (id integer primary key, v text) partition by hash (id);
create table part.hashed_0 partition of part.hashed for values with (modulus 3, remainder 0);
create table part.hashed_1 partition of part.hashed for values with (modulus 3, remainder 1);
create table part.hashed_2 partition of part.hashed for values with (modulus 3, remainder 2);
insert into part.hashed select i, 'h' || i from generate_series(1, 1000) i;
create table part.by_enum (m types.mood, v integer) partition by hash (m);
create table part.by_enum_0 partition of part.by_enum for values with (modulus 2, remainder 0);
create table part.by_enum_1 partition of part.by_enum for values with (modulus 2, remainder 1);
insert into part.by_enum select (array['sad', 'ok', 'between'])[1 + i % 3]::types.mood, i from generate_series(1, 30) i;
create table part.by_expression (a text, b integer) partition by range (lower(a) collate "C", b);
create table part.by_expression_1 partition of part.by_expression for values from ('a', minvalue) to ('n', maxvalue);
create table part.by_expression_2 partition of part.by_expression default;
insert into part.by_expression values ('Abc', 1), ('Zed', 2), (null, 3);
create table part.no_partitions (a integer) partition by list (a);
create table part.refers (id integer primary key, hashed_id integer references part.hashed, m_id bigint, m_at date, m_region text,
    foreign key (m_id, m_at, m_region) references part.measure) partition by range (id);
create table part.refers_1 partition of part.refers for values from (0) to (500);
create table part.refers_2 partition of part.refers for values from (500) to (1000);
insert into part.refers select i, i, m.id, m.at, m.region from generate_series(1, 900, 10) i join part.measure m on m.id = i;
create function part.row_trigger() returns trigger language plpgsql as $$ begin new.v := new.v; return new; end $$;
create trigger cloned before update on part.measure for each row execute function part.row_trigger();
alter table part.measure_2020_eu disable trigger cloned;

create schema inh;
create table inh.a (id integer primary key, x text default 'a');
create table inh.b (y integer not null check (y > 0));
create table inh.c (z text) inherits (inh.a, inh.b);
create table inh.d (x text default 'override', local integer) inherits (inh.a);
create table inh.e (like inh.c including all) inherits (inh.d);
insert into inh.a values (1, 'parent');
insert into inh.b values (1);
insert into inh.c values (2, 'child', 5, 'z');
insert into inh.d values (3, 'd', 7);
alter table inh.c alter column x set default 'changed', alter column y set default 9;

-- ---------------------------------------------------------------- functions and what is made of them
create schema func;
create table func.t (id integer, v text);
insert into func.t select i, 'v' || i from generate_series(1, 10) i;
create function func.sql_plain(a integer, b text default 'x''y') returns text language sql immutable parallel safe cost 7 as $$ select a || b $$;
create function func.atomic(a integer) returns bigint language sql stable begin atomic select count(*) from func.t where id > a; select count(*) from func.t where t.id > atomic.a; end;
create function func.return_expr(a integer, variadic more integer[]) returns integer language sql immutable return a + coalesce(more[1], 0);
create function func.uses_path() returns bigint language sql stable set search_path = func, pg_temp as $$ select count(*) from t $$;
create function func.unqualified(text) returns text language sql immutable set search_path = func as $$ select sql_plain(1, $1) $$;
create function func.plpgsql(inout a integer, out b text, c anyelement) language plpgsql security definer leakproof set work_mem = '5MB' set "DateStyle" = 'German, DMY' as
$body$ declare x text := $q$ 'quoted' $q$; begin b := x; a := a + 1; exception when others then raise; end $body$;
create function func.srf(integer) returns table (n integer, "odd ""name""" text) language sql rows 7 support generate_series_int4_support as $$ select i, i::text from generate_series(1, $1) i $$;
create function func.poly(anycompatiblearray, anycompatible) returns anycompatiblearray language sql immutable as $$ select $1 || $2 $$;
create function func.overload(integer) returns integer language sql return 1;
create function func.overload(text) returns integer language sql return 2;
create function func.overload() returns integer language sql return 3;
create function func.trusts_later(func.t) returns text language sql immutable as $$ select $1.v $$;
create procedure func.proc(inout a integer, in b types.mood default 'ok') language plpgsql as $$ begin a := a * 2; commit; end $$;
create procedure func.atomic_proc(a integer) begin atomic insert into func.t values (a, 'p'); delete from func.t where id = a; end;
create function func.body_with_dollar() returns text language plpgsql as '
begin return $a$ $$ $b$ \ ''x'' $a$; end';
create function func.window_fn() returns bigint language internal window immutable as 'window_row_number';
create function func.reads_seq() returns bigint language sql as $$ select nextval('seq.never_called') $$;
create aggregate func.total(numeric) (sfunc = numeric_add, stype = numeric, initcond = '0', combinefunc = numeric_add, parallel = safe);
create aggregate func.moving(integer) (sfunc = int4_sum, stype = bigint, msfunc = int4_avg_accum, minvfunc = int4_avg_accum_inv, mstype = bigint[], minitcond = '{0,0}', mfinalfunc = int2int4_sum);
create aggregate func.median_like(double precision order by anyelement) (sfunc = ordered_set_transition, stype = internal, finalfunc = percentile_disc_final, finalfunc_extra);
create aggregate func.rank_like(variadic "any" order by variadic "any") (sfunc = ordered_set_transition_multi, stype = internal, finalfunc = rank_final, finalfunc_extra, hypothetical);
create aggregate func.smallest(integer) (sfunc = int4smaller, stype = integer, sortop = <);
comment on aggregate func.total(numeric) is 'an aggregate';
comment on function func.overload() is 'overloaded';
comment on procedure func.proc(integer, types.mood) is 'a procedure';
alter function func.atomic(integer) owner to zoo_owner;
revoke execute on function func.plpgsql(integer, anyelement) from public;
grant execute on function func.plpgsql(integer, anyelement) to zoo_reader with grant option;
create index func_index on func.t (func.sql_plain(id), func.unqualified(v));
alter table func.t add constraint checked check (length(func.sql_plain(id, v)) > 0);
alter table func.t add column g text generated always as (func.return_expr(id, 1)::text) stored;
create table func.defaults (a integer default func.return_expr(5, 1, 2), b bigint default func.uses_path());
insert into func.defaults default values;

create function func.mod_eq(integer, integer) returns boolean language sql immutable strict return $1 % 10 = $2 % 10;
create operator func.=== (leftarg = integer, rightarg = integer, function = func.mod_eq, commutator = operator(func.===), restrict = eqsel, join = eqjoinsel);
create function func.neg(bigint) returns bigint language sql immutable return -$1;
create operator func.!- (rightarg = bigint, function = func.neg);
create function func.desc_cmp(integer, integer) returns integer language sql immutable strict return btint4cmp($2, $1);
create operator family func.odd_family using btree;
create operator class func.reversed for type integer using btree family func.odd_family as
    operator 1 > (integer, integer), operator 2 >= (integer, integer), operator 3 = (integer, integer), operator 4 <= (integer, integer), operator 5 < (integer, integer), function 1 func.desc_cmp(integer, integer);
alter operator family func.odd_family using btree add operator 3 = (integer, bigint), function 1 (integer, bigint) btint48cmp(integer, bigint);
create index opclass_index on func.t (id func.reversed);
create function func.mood_int(types.mood) returns integer language sql immutable return case $1 when 'sad' then 0 else 1 end;
create cast (types.mood as integer) with function func.mood_int(types.mood) as assignment;
create cast (types.base as integer) without function as implicit;
create cast (text as types.mood) with inout;
comment on cast (types.mood as integer) is 'a cast';
comment on operator func.=== (integer, integer) is 'an operator';
alter operator func.=== (integer, integer) owner to zoo_owner;
create conversion func.latin for 'LATIN1' to 'UTF8' from iso8859_1_to_utf8;
create default conversion func.latin_default for 'UTF8' to 'LATIN2' from utf8_to_iso8859;
create transform for integer language sql (from sql with function prsd_lextype(internal), to sql with function int4recv(internal));
create function func.plodd_call() returns language_handler language c as '$libdir/plpgsql', 'plpgsql_call_handler';
create function func.plodd_inline(internal) returns void language c strict as '$libdir/plpgsql', 'plpgsql_inline_handler';
create function func.plodd_validator(oid) returns void language c strict as '$libdir/plpgsql', 'plpgsql_validator';
create trusted language plodd handler func.plodd_call inline func.plodd_inline validator func.plodd_validator;
comment on language plodd is 'plpgsql by another name';
create function func.in_plodd() returns integer language plodd as $$ begin return 1; end $$;

create text search dictionary func.simple_dict (template = simple, stopwords = english, accept = false);
create text search parser func.parser (start = prsd_start, gettoken = prsd_nexttoken, end = prsd_end, headline = prsd_headline, lextypes = prsd_lextype);
create text search template func.template (lexize = dsimple_lexize, init = dsimple_init);
create text search configuration func.config (parser = "default");
alter text search configuration func.config add mapping for asciiword, word with func.simple_dict, english_stem;
alter text search configuration func.config owner to zoo_owner;
comment on text search configuration func.config is 'a configuration';
create table func.searched (id integer primary key, body text, ts tsvector generated always as (to_tsvector('func.config', coalesce(body, ''))) stored);
insert into func.searched values (1, 'The quick brown foxes'), (2, null);
create index on func.searched using gin (to_tsvector('func.config', body));

create collation func.c_copy from "C";
create table func.collated (a text collate func.c_copy, b text collate "POSIX");
insert into func.collated values ('b', 'B'), ('ä', 'Ä');
create index on func.collated (a collate "C", b collate func.c_copy);
\if :icu
create collation func.german (provider = icu, locale = 'de-u-co-phonebk');
create collation func.loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
create table func.collated_icu (a text collate func.german, b text collate func.loose unique);
insert into func.collated_icu values ('Ärger', 'Résumé'), ('Zoo', 'Ünder');
comment on collation func.german is 'phone book';
\endif
\if :pg16
\if :icu
create collation func.ruled (provider = icu, locale = 'und', rules = '&a < b < ä');
\endif
\endif
\if :pg17
create collation func.built_in (provider = builtin, locale = 'C.UTF-8');
create table func.collated17 (a text collate func.built_in);
insert into func.collated17 values ('x');
\endif

-- ---------------------------------------------------------------- views
create schema views;
create view views.simple as select id, v as "Odd ""v""" from func.t where id > 2;
create view views.on_view with (security_barrier, security_invoker = true) as select * from views.simple s join cons.parent p using (id);
create view views.local_check as select * from func.t where id < 100 with local check option;
create view views.cascaded as select * from views.local_check where id > 0 with cascaded check option;
create recursive view views.walk (n, path) as select 1, 'x'::text union all select n + 1, path || n from walk where n < 5;
create view views.uses_functions as select func.atomic(3) a, func.uses_path() u, func.total(v) t from part.measure group by region;
create view views.whole_row as select t, (t).v as field, row(t.id, t.v)::text r, array(select id from func.t) from func.t;
create view views.group_by_pk as select id, t, count(*) from cons.indexed group by id;
create view views.operators as select id operator(func.===) 3 as odd, t collate "C" from cons.indexed where ts @@ 'word1' and t ~ '\\' or t like E'%\'%';
create view views.grouping as select region, at, sum(v), grouping(region) from part.measure group by rollup (region, at) having sum(v) > 1 window w as (order by at) order by 1 limit 10;
create view views.lateral_things as select t.v, s.n, s."odd ""name""" odd, u.*, r.generate_series from func.t, lateral func.srf(id) s, unnest(array[1, 2]) with ordinality u (a, b), rows from (func.srf(2), generate_series(1, 3)) r;
create view views.no_columns as select from func.t;
alter view views.simple alter column id set default 5;
alter view views.simple owner to zoo_owner;
comment on view views.simple is 'a view';
comment on column views.simple.id is 'a view column';
-- Two views that need each other, by way of a function with a body that is parsed at creation.
create function views.circular() returns bigint begin atomic select count(*) from func.t; end;
create view views.circle as select views.circular() as n;
create materialized view views.m1 as select region, count(*) n, sum(v) total from part.measure group by region;
create unique index m1_region on views.m1 (region);
create materialized view views.m2 as select m1.region, m1.n, s.n as views from views.m1, views.circle s with data;
create materialized view views.a_before_m2 with (fillfactor = 50) as select region, views from views.m2 where n > 1;
create index on views.a_before_m2 (region) where views > 0;
create materialized view views.unpopulated as select * from views.m1 with no data;
create materialized view views.on_unpopulated as select region from views.unpopulated with no data;
create materialized view views.of_function as select func.unqualified(v) u from func.t;
alter materialized view views.m1 cluster on m1_region;
alter materialized view views.m1 alter column n set statistics 55;
comment on materialized view views.m1 is 'a materialized view';
grant select on views.m1 to zoo_reader;
create view views.over_matview as select * from views.a_before_m2;

-- ---------------------------------------------------------------- triggers, rules
create schema trig;
create table trig.t (id integer primary key, v text, n integer);
create table trig.log (at timestamptz default '2020-01-01 00:00:00+00', what text);
create table trig.loud (id integer primary key);
create function trig.fn() returns trigger language plpgsql as $$ begin insert into trig.log (what) values (tg_name || ' ' || tg_op); return coalesce(new, old); end $$;
create function trig.explode() returns trigger language plpgsql as $$ begin raise exception 'a trigger fired that must not fire'; end $$;
insert into trig.t values (1, 'one', 1), (2, 'two', 2);
insert into trig.loud values (1), (2);
create trigger a_row before insert or update of v, n on trig.t for each row when (new.n > 1) execute function trig.fn('arg', 'it''s', '\x');
create trigger b_statement after truncate on trig.t for each statement execute function trig.fn();
create trigger c_transition after update on trig.t referencing old table as "old ""rows""" new table as new_rows for each statement execute function trig.fn();
create constraint trigger d_constraint after insert on trig.t deferrable initially deferred for each row execute function trig.fn();
create trigger e_disabled before delete on trig.t for each row execute function trig.fn();
create trigger f_always before delete on trig.t for each row execute function trig.fn();
create trigger g_replica before delete on trig.t for each row execute function trig.fn();
create trigger "h ""odd""; --" before delete on trig.t for each row execute function trig.fn();
alter table trig.t disable trigger e_disabled, enable always trigger f_always, enable replica trigger g_replica;
create trigger boom before insert on trig.loud for each row execute function trig.explode();
alter table trig.loud enable always trigger boom;
create trigger instead instead of insert on views.simple for each row execute function trig.fn();
comment on trigger a_row on trig.t is 'a trigger';
create rule notify_it as on insert to trig.t do also notify zoo_channel;
create rule conditional as on update to trig.t where new.n = 99 do instead (insert into trig.log (what) values ('rule'); delete from trig.log where what = 'rule';);
create rule nothing as on delete to trig.log do instead nothing;
alter table trig.log disable rule nothing;
create rule replace_view as on update to views.cascaded do instead update func.t set v = new.v where id = old.id;
comment on rule conditional on trig.t is 'a rule';
create table trig.ddl_log (tag text, at timestamptz default now());
create function trig.on_ddl() returns event_trigger language plpgsql as $$ begin insert into trig.ddl_log (tag) values (tg_tag); end $$;
create event trigger zoo_ddl on ddl_command_end when tag in ('CREATE TABLE', 'ALTER TABLE', 'CREATE INDEX') execute function trig.on_ddl();
create event trigger zoo_drop on sql_drop execute function trig.on_ddl();
alter event trigger zoo_drop disable;
comment on event trigger zoo_ddl is 'an event trigger';

-- ---------------------------------------------------------------- rights
create schema sec authorization zoo_owner;
create table sec.rows (id integer primary key, owner name, secret text);
insert into sec.rows values (1, 'zoo_reader', 'seen'), (2, 'postgres', 'not seen'), (3, 'zoo_owner', null);
alter table sec.rows owner to zoo_owner;
alter table sec.rows enable row level security, force row level security;
create policy readers on sec.rows as permissive for select to zoo_reader using (owner = current_user);
create policy "odd ""policy""" on sec.rows as restrictive for all using (id > 0) with check (exists (select from func.t where t.id = rows.id));
create policy inserts on sec.rows for insert to zoo_owner with check (true);
comment on policy readers on sec.rows is 'a policy';
create table sec.rls_off (a integer);
alter table sec.rls_off enable row level security;
insert into sec.rls_off values (1);
alter table sec.rls_off owner to zoo_owner;
grant select, update (secret, owner) on sec.rows to zoo_reader;
grant all on sec.rows to "zoo ""Odd"" role; drop" with grant option;
grant select (a) on sec.rls_off to public;
revoke all on func.t from postgres;
revoke delete, truncate on cons.parent from postgres;
set role zoo_owner;
grant usage on schema sec to zoo_reader with grant option;
grant insert on sec.rows to zoo_group with grant option;
reset role;
revoke all on schema public from public;
grant usage on schema public to zoo_reader;
grant create, usage on schema types to "zoo ""Odd"" role; drop";
alter default privileges for role zoo_owner in schema sec grant select on tables to zoo_reader;
alter default privileges for role zoo_owner grant execute on functions to zoo_reader with grant option;
alter default privileges for role zoo_owner revoke execute on functions from public;
alter default privileges in schema types revoke usage on types from zoo_reader;
alter default privileges grant usage on schemas to zoo_reader;
alter default privileges for role "zoo ""Odd"" role; drop" in schema sec grant usage on sequences to public;
revoke execute on function pg_catalog.pg_sleep(double precision) from public;
grant execute on function pg_catalog.pg_sleep(double precision) to zoo_reader;
grant select on pg_catalog.pg_authid to zoo_reader;

-- ---------------------------------------------------------------- foreign data
create foreign data wrapper odd_wrapper options (debug 'true', "Odd ""option""" 'it''s');
create server "odd ""server""" type 'x y' version '1.0' foreign data wrapper odd_wrapper options (host 'nowhere');
create server files foreign data wrapper file_fdw;
create server remote foreign data wrapper postgres_fdw options (host 'localhost', port '1', dbname 'it''s');
create user mapping for public server remote options (user 'nobody', password 'fdw ''secret'' \ %');
create user mapping for zoo_owner server "odd ""server""" options ("user" 'x');
create user mapping for "zoo ""Odd"" role; drop" server remote options (user 'y');
create schema fdw;
create foreign table fdw.passwd (name text, rest text) server files options (filename '/etc/hostname', format 'text', "null" 'x');
create foreign table fdw.remote_t (id integer options (column_name 'ID') not null default 3, v text collate "C", constraint c check (id > 0)) server remote options (schema_name 's', table_name 'unreachable');
create foreign table part.hashed_foreign () inherits (func.collated) server remote;
grant usage on foreign server remote to zoo_reader;
grant usage on foreign data wrapper postgres_fdw to zoo_owner;
comment on server remote is 'a server nobody can reach: backups must not try';
comment on foreign data wrapper odd_wrapper is 'a wrapper';
comment on foreign table fdw.remote_t is 'a foreign table';

-- ---------------------------------------------------------------- publications and subscriptions
create publication zoo_all for all tables with (publish = 'insert, truncate');
create publication "odd ""pub""" for table cons.parent (id, code) where (id > 5), only cons.multi, part.measure with (publish_via_partition_root = true);
create publication zoo_schemas for tables in schema cons, "select", table shapes.many;
create publication zoo_empty;
alter publication zoo_empty owner to postgres;
comment on publication zoo_all is 'a publication';
create subscription zoo_subscription connection 'host=nowhere dbname=''it\''s'' password=hidden' publication p1, "P 2" with (connect = false, enabled = false, slot_name = none, binary = true);
comment on subscription zoo_subscription is 'a subscription';

-- ---------------------------------------------------------------- large objects
select lo_create(4200001), lo_from_bytea(4200002, ''), lo_from_bytea(4200003, 'small'), lo_from_bytea(4200004, (select string_agg(sha256(int4send(i)), '' order by i) from generate_series(1, 20000) i)) \g /dev/null
select lo_create(4200005), lo_put(4200005, 10000000, 'sparse: a hole of ten million bytes comes first'), lo_from_bytea(4200006, '\x00ff5c0a') \g /dev/null
alter large object 4200003 owner to zoo_owner;
grant select on large object 4200003 to zoo_reader;
grant select, update on large object 4200004 to public;
revoke all on large object 4200006 from postgres;
comment on large object 4200003 is 'a large object';
select count(lo_from_bytea(i, ('lo ' || i)::bytea)) from generate_series(4300001, 4301500) i \g /dev/null

-- ---------------------------------------------------------------- the database itself
select format('alter database %I set work_mem = ''9MB''', current_database()) \gexec
select format('alter database %I set "zoo.custom setting" = ''it''''s "quoted"''', current_database()) where false \gexec
select format('alter database %I set search_path = ''odd, schema'', public', current_database()) \gexec
select format('alter role zoo_login in database %I set statement_timeout = ''7min''', current_database()) \gexec
select format('grant connect, temporary on database %I to zoo_reader with grant option', current_database()) \gexec
select format('revoke temporary on database %I from public', current_database()) \gexec
select format('comment on database %I is ''the zoo; it''''s all here''', current_database()) \gexec
select format('alter database %I connection limit 77', current_database()) \gexec
analyze shapes.many, cons.indexed, part.measure;

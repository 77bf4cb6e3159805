create table settings (id serial primary key, name text not null, value text, builtin boolean not null default false);
insert into settings (name, value, builtin) values ('shipped one', '1', true), ('shipped two', '2', true);
create table a_counters (name text primary key, value integer, setting integer references settings);
create table not_configuration (a integer);
insert into not_configuration values (1);
select pg_catalog.pg_extension_config_dump('settings', 'where not builtin');
select pg_catalog.pg_extension_config_dump('a_counters', '');
select pg_catalog.pg_extension_config_dump('settings_id_seq', '');
create function answer() returns integer language sql as 'select 42';

-- Roles of the zoo. They belong to the whole server, so this may run any number of times.
select not exists (select from pg_roles where rolname = 'zoo_owner') as fresh \gset
\if :fresh
begin;
create role zoo_owner nologin;
create role zoo_reader nologin;
create role zoo_group nologin noinherit;
create role "zoo ""Odd"" role; drop" login connection limit 3 valid until '2030-02-03 04:05:06+00';
create role zoo_login login password 'md5a3556571e93b0d20722ba62be61e8c2d' createdb createrole;
create role zoo_replica login replication bypassrls;
grant zoo_group to zoo_owner with admin option;
grant zoo_reader to zoo_group;
grant zoo_owner to zoo_login;
grant pg_read_all_data to zoo_reader;
alter role zoo_login set work_mem = '7MB';
alter role zoo_login set search_path = "$user", 'odd, schema', public;
comment on role zoo_owner is 'owns most of the zoo; it''s not a login';
commit;
\endif

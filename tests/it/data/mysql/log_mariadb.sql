-- What only MariaDB logs: sequences, domains, versioned tables, its own types.
create sequence z.sq; select nextval(z.sq); insert into z.t (a) select nextval(z.sq);
set gtid_domain_id=5; insert into z.t (a) values ('dom5'); set gtid_domain_id=0;
create or replace table z.cor (id int primary key) with system versioning; insert into z.cor values (1); update z.cor set id=2; 
create table z.u (id uuid default uuid() primary key, ip inet6); insert into z.u (ip) values ('::1');
set binlog_row_image=minimal; update z.t set a='min' where id=4; set binlog_row_image=full;
set binlog_annotate_row_events=1; insert into z.t (a) values ('rq'); 
set binlog_format=mixed; insert into z.t (a) values (uuid()); insert into z.t (a) values ('plain'); set binlog_format=row;

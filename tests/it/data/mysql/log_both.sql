-- What a server can log: definitions of all kinds, rows and statements under every setting of a session, temporary tables, XA, accounts.
create database z character set utf8mb4; create database z2; create table z2.q (id int primary key, c varchar(10)); use z;
create table t (id int auto_increment primary key, a varchar(100), b longblob, at timestamp(6) default current_timestamp(6), j json, g int generated always as (y*2) stored, e enum('a','b'), s set('x','y'), d decimal(20,5), f double, bt bit(9), dt datetime(3), y year, ti time(2));
insert into t (a,b,j,e,s,d,f,bt,dt,y,ti) values ('äöü€😀', x'00ff0a0d5c27', '{"a":[1,2]}','a','x,y',-123.45678,1e-300,b'101010101','2020-01-01 10:11:12.123',2020,'-10:11:12.5');
create table log (n int auto_increment primary key, what varchar(50));
delimiter //
create trigger tr after insert on t for each row insert into log (what) values (concat('ins ', new.id))//
create procedure fill(n int) begin declare i int default 0; while i < n do insert into t (a) values (concat('p', i)); set i = i + 1; end while; end//
create function f1(x int) returns int deterministic begin insert into log (what) values ('f1'); return x+1; end//
delimiter ;
call fill(5);
insert into t (a) select f1(3);
update t set a = concat(a, '!') where id > 3; delete from t where id = 2;
set binlog_format=STATEMENT;
insert into t (a) values (123); 
set @v = 'ütf', @n = 42, @d = 1.50, @x = x'00ff';
insert into t (a, d, b) values (@v, @d, @x); insert into t(a) values (rand()), (rand()), (now(6)), (last_insert_id());
insert into t (a) values (connection_id());
create temporary table tmp1 (id int primary key, a varchar(20)); insert into tmp1 values (1,'tmp'); insert into t (a) select a from tmp1; drop temporary table tmp1;
set time_zone='+05:30'; insert into t (a,at) values (now(), now(6)); set time_zone=default;
set sql_mode='ANSI_QUOTES,NO_BACKSLASH_ESCAPES'; insert into "t" (a) values ('back\slash'); set sql_mode=default;
set names latin1; insert into t (a) values (_utf8mb4'x'); insert into t(a) values ('latin é'); set names utf8mb4;
set auto_increment_increment=7, auto_increment_offset=3; insert into t (a) values ('inc'),('inc2'); set auto_increment_increment=default, auto_increment_offset=default;
set binlog_format=ROW;
begin; insert into t (a) values ('tx1'); savepoint s1; insert into t (a) values ('gone'); rollback to s1; insert into z2.q (id) values (1),(7); commit;

create table my (id int primary key, v varchar(20)) engine=MyISAM; insert into my values (1,'a'),(2,'b'); update my set v='c' where id=2;
begin; insert into my values (3,'x'); insert into t (a) values ('mixed'); commit;
create table cs select id, a from t where id < 5; create table lk like t; insert into lk (a) values ('x'); rename table lk to lk2; truncate lk2; alter table cs add column z int default 5, add key (a(10));
create view v as select id, a from t; create table z2.r (id int primary key references q(id)); insert into z2.r values (7);
create table p (id int primary key, pid int, constraint fk foreign key (pid) references p(id) on delete cascade); insert into p values (1,null),(2,1),(3,2); delete from p where id=1; insert into p values (5,null);
set foreign_key_checks=0; insert into p values (9, 8); set foreign_key_checks=1;
xa start 'xa1','b',3; insert into t (a) values ('xa'); xa end 'xa1','b',3; xa prepare 'xa1','b',3; xa commit 'xa1','b',3;
create event ev on schedule every 1 day do insert into log (what) values ('event'); alter event ev disable;
create user 'zoe'@'%' identified by 'pw1'; grant select on z.* to 'zoe'@'%'; 
use z2; create table z.fromz2 (id int primary key); insert into z.fromz2 values (1); drop table z.fromz2; 
create database z3; use z3; create table w (id int primary key); insert into w values (1); drop database z3;
use z; insert into t (b) values (repeat('x', 3000000)); update t set b = repeat('y', 2000000) where b like 'xxx%';
flush tables; analyze table t; optimize table cs; 
create table `we``ird näme` (`c``1` int primary key); insert into `we``ird näme` values (1); alter table `we``ird näme` comment 'it''s';

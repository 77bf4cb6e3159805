-- What only MySQL logs: tags, compressed transactions, parts of JSON, invisible columns, vectors.
set gtid_next='AUTOMATIC:tag1'; insert into z.t (a) values ('tagged'); set gtid_next='AUTOMATIC';
set binlog_transaction_compression=ON; insert into z.t (a,b) values ('compressed', repeat('z', 100000)); begin; insert into z.t (a) values ('c1'); update z.t set a='c2' where a='c1'; commit; set binlog_format=statement; insert into z.t(a) values ('cst'); set binlog_format=row; set binlog_transaction_compression=OFF;
set binlog_row_value_options='PARTIAL_JSON'; update z.t set j=json_set(j,'$.a',7) where j is not null; set binlog_row_value_options='';
create table z.inv (id int primary key, h int invisible default 4, v vector(3)); insert into z.inv (id, v) values (1, to_vector('[1,2,3]'));
create table z.ctas (primary key(id)) select id from z.t where id < 6;
set binlog_row_image=minimal; update z.t set a='min' where id=4; set binlog_row_image=full;
set session binlog_rows_query_log_events=1; insert into z.t (a) values ('rq'); 

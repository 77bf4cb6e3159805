//! Dumps that mysqldump, mariadb-dump and mydumper made.

pub mod statements;

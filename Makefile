# Two commands matter: `make demo` to try it, `make test` to check it.
.PHONY: help demo demo-mariadb test bench bench-many bench-base bench-mysql build servers

help:
	@echo "make demo     a private throw-away PostgreSQL with sample data, a backup, a proven restore, and the screens on it"
	@echo "              (BATCH=1: without the screens)"
	@echo "make demo-mariadb  the same on a private MariaDB"
	@echo "make test     every check: servers, format, lints, tests, documentation"
	@echo "make bench    comparison with pg_dump and pg_restore (SCALE=1 is about 1.6 GB; ROUNDS=3)"
	@echo "make bench-base  base backups compared with pgBackRest and pg_basebackup (SCALE=70 is about 1 GB; needs Debian's pgbackrest)"
	@echo "make bench-mysql  comparison with mydumper, myloader and mariadb-dump (SCALE=1 is about 200 MB; needs Debian's mydumper)"
	@echo "make bench-many  clusters of 100 and of 1,000 small databases (DATABASES=100,1000)"
	@echo "make build    target/release/dbbackup"

build:
	cargo build --locked --release

servers:
	scripts/servers

test:
	@scripts/test

demo: servers build
	@scripts/demo $(if $(BATCH),--batch)

demo-mariadb: servers build
	@scripts/demo-mariadb $(if $(BATCH),--batch)

bench: servers build
	benches/compare/postgres --scale $(or $(SCALE),1) --rounds $(or $(ROUNDS),3)

bench-base: servers build
	benches/compare/base --scale $(or $(SCALE),70)

bench-mysql: servers build
	benches/compare/mysql --scale $(or $(SCALE),1) --rounds $(or $(ROUNDS),3)

bench-many: servers build
	benches/compare/many --databases $(if $(DATABASES),$(DATABASES),"100,1000")

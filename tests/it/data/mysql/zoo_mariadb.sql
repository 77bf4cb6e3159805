-- What MariaDB has and MySQL has not.
SET NAMES utf8mb4;
SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO';
CREATE SEQUENCE seq_plain;
CREATE SEQUENCE `seq``odd.☃` START WITH -10 INCREMENT BY -3 MINVALUE -1000 MAXVALUE 100 CACHE 5 CYCLE;
SELECT NEXTVAL(seq_plain), NEXTVAL(seq_plain), NEXTVAL(`seq``odd.☃`);
CREATE TABLE only_types (
  id uuid NOT NULL PRIMARY KEY DEFAULT (UUID()), a4 inet4, a6 inet6, n int DEFAULT NEXTVAL(seq_plain), c varchar(2000) COMPRESSED, bl blob COMPRESSED,
  WITHOUT_overlap date, dyn blob
);
INSERT INTO only_types (id, a4, a6, c, bl, n, dyn) VALUES
  ('123e4567-e89b-12d3-a456-426655440000', '192.168.0.1', '::ffff:10.0.0.1', REPEAT('compressed ', 100), REPEAT(0x005C0A, 300), 5, COLUMN_CREATE('color', 'red', 'n', 5)),
  ('00000000-0000-0000-0000-000000000000', NULL, 'ffff::', '', '', NULL, NULL);
SET SESSION `timestamp` = 1767225600;
CREATE TABLE versioned (id int NOT NULL PRIMARY KEY, v varchar(20), w int WITHOUT SYSTEM VERSIONING) WITH SYSTEM VERSIONING;
INSERT INTO versioned VALUES (1, 'first', 1), (2, 'gone', 2);
SET SESSION `timestamp` = 1767229200;
UPDATE versioned SET v = 'second' WHERE id = 1;
SET SESSION `timestamp` = 1767232800;
DELETE FROM versioned WHERE id = 2;
CREATE TABLE versioned_named (
  id int NOT NULL PRIMARY KEY, v int, since timestamp(6) GENERATED ALWAYS AS ROW START INVISIBLE, till timestamp(6) GENERATED ALWAYS AS ROW END INVISIBLE,
  PERIOD FOR SYSTEM_TIME (since, till)
) WITH SYSTEM VERSIONING PARTITION BY SYSTEM_TIME LIMIT 1000 (PARTITION p_old HISTORY, PARTITION p_now CURRENT);
INSERT INTO versioned_named (id, v) VALUES (1, 1);
SET SESSION `timestamp` = 1767236400;
UPDATE versioned_named SET v = 2;
SET SESSION `timestamp` = DEFAULT;
CREATE TABLE periods (id int NOT NULL, a date NOT NULL, b date NOT NULL, PERIOD FOR app (a, b), UNIQUE KEY u (id, app WITHOUT OVERLAPS));
INSERT INTO periods VALUES (1, '2026-01-01', '2026-02-01'), (1, '2026-02-01', '2026-03-01');
CREATE TABLE engine_aria (id int NOT NULL PRIMARY KEY, v text) ENGINE=Aria TRANSACTIONAL=1 PAGE_CHECKSUM=1;
INSERT INTO engine_aria VALUES (1, 'aria'), (2, NULL);
CREATE TABLE only_index (id int NOT NULL PRIMARY KEY, a int, b varchar(500), KEY unseen (a) IGNORED, UNIQUE KEY long_hash (b) USING HASH, KEY (b(20) DESC));
INSERT INTO only_index VALUES (1, 1, REPEAT('long', 100));
CREATE TABLE only_geometry (id int NOT NULL PRIMARY KEY, g point REF_SYSTEM_ID=4326 NOT NULL);
INSERT INTO only_geometry VALUES (1, ST_GeomFromText('POINT(1 2)', 4326));
CREATE TABLE only_options (id int NOT NULL PRIMARY KEY, v varchar(10)) PAGE_COMPRESSED=1 `PAGE_COMPRESSION_LEVEL`=3;
INSERT INTO only_options VALUES (1, 'x');
CREATE VIEW values_view AS SELECT NEXTVAL(seq_plain) IS NULL AS n UNION VALUES (3);
DELIMITER ;;
SET sql_mode = 'ORACLE';;
CREATE PACKAGE pkg COMMENT 'it''s a package' AS
  FUNCTION twice(n INT) RETURN INT;
  PROCEDURE say(what VARCHAR(50));
END;;
CREATE PACKAGE BODY pkg AS
  started INT := 0;
  FUNCTION twice(n INT) RETURN INT AS BEGIN RETURN n * 2; END;
  PROCEDURE say(what VARCHAR(50)) AS BEGIN INSERT INTO log_lines (what) VALUES (what || '; said'); END;
BEGIN
  started := 1;
END;;
CREATE PROCEDURE p_oracle(a IN INT, b OUT VARCHAR2(20)) AS BEGIN b := 'x' || a; END;;
SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO';;
CREATE AGGREGATE FUNCTION f_aggregate(x int) RETURNS int
BEGIN
  DECLARE total int DEFAULT 0;
  DECLARE CONTINUE HANDLER FOR NOT FOUND RETURN total;
  LOOP FETCH GROUP NEXT ROW; SET total = total + x; END LOOP;
END;;
CREATE VIEW calls_package AS SELECT f_aggregate(w) AS total FROM shapes;;
DELIMITER ;

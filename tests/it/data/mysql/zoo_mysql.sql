-- What MySQL has and MariaDB has not.
SET NAMES utf8mb4;
SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO';
CREATE TABLE only_index (
  id int NOT NULL PRIMARY KEY, j json, a int, b varchar(50), at datetime DEFAULT (NOW()), hidden varchar(10) DEFAULT ('x') /*!80023 INVISIBLE */,
  KEY functional ((a + 1), (UPPER(b)) DESC), KEY unseen (b) INVISIBLE, KEY many_valued ((CAST(j->'$.tags' AS UNSIGNED ARRAY))), UNIQUE KEY u ((COALESCE(a, 0)), id)
);
INSERT INTO only_index (id, j, a, b, at, hidden) VALUES (1, '{"tags": [1, 2, 3]}', 1, 'x', '2026-01-01', 'seen'), (2, NULL, NULL, NULL, NULL, NULL);
CREATE TABLE only_geometry (id int NOT NULL PRIMARY KEY, g point NOT NULL SRID 4326, p point NOT NULL SRID 0, SPATIAL KEY (g));
INSERT INTO only_geometry VALUES (1, ST_GeomFromText('POINT(52.5 13.4)', 4326), ST_GeomFromText('POINT(1 2)', 0));
CREATE TABLE only_check (id int NOT NULL PRIMARY KEY, a int CHECK (a > 0) NOT ENFORCED, b int, CONSTRAINT c_named CHECK (b <> 5));
INSERT INTO only_check VALUES (1, -1, 1);
CREATE TABLE only_vector (id int NOT NULL PRIMARY KEY, v vector(3), big vector);
INSERT INTO only_vector VALUES (1, STRING_TO_VECTOR('[1.5,-2,3e10]'), STRING_TO_VECTOR('[0]')), (2, NULL, NULL);
CREATE TABLE only_charset (id int NOT NULL PRIMARY KEY, g varchar(60) CHARACTER SET gb18030, c varchar(60) COLLATE utf8mb4_0900_as_cs, b varchar(60) COLLATE utf8mb4_0900_bin);
INSERT INTO only_charset VALUES (1, _utf8mb4 '表\\ä😀\t\n', 'a ', 'b ');
CREATE TABLE only_options (id int NOT NULL PRIMARY KEY, s varchar(10) STORAGE DISK COLUMN_FORMAT FIXED) COMPRESSION='zlib' AUTOEXTEND_SIZE=4M;
CREATE TABLE only_hidden_key (a int, b varchar(10));
SET sql_generate_invisible_primary_key = ON;
CREATE TABLE only_generated_key (a int, b varchar(10));
INSERT INTO only_generated_key (a, b) VALUES (1, 'x'), (2, 'y');
SET sql_generate_invisible_primary_key = OFF;
CREATE TABLE only_srid_view (id int NOT NULL PRIMARY KEY);
CREATE VIEW lateral_view AS SELECT s.id, l.n FROM shapes s, LATERAL (SELECT COUNT(*) AS n FROM key_many k WHERE k.a = s.w) l;
CREATE VIEW window_view AS WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 5) SELECT n, SUM(n) OVER (ORDER BY n) AS total FROM c;
CREATE VIEW json_view AS SELECT jt.* FROM types_json, JSON_TABLE(js, '$[*]' COLUMNS (n int PATH '$')) jt;

-- One of everything that MySQL and MariaDB have in common. zoo_mysql.sql and zoo_mariadb.sql add what only one of them has.
SET NAMES utf8mb4;
SET time_zone = '+00:00';
SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO';
SET foreign_key_checks = 0;

-- Every column type, at its ends and beyond what is usual.
CREATE TABLE types_number (
  id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
  t tinyint, tu tinyint unsigned, s smallint, m mediumint, mu mediumint unsigned zerofill, i int(7) zerofill, b bigint, bu bigint unsigned,
  boo boolean, bit1 bit(1), bit8 bit(8) DEFAULT b'101', bit64 bit(64),
  d decimal(65,30), d0 decimal(10,0) unsigned, f float, f2 float(7,4), dbl double, dbl2 double(20,5) NOT NULL DEFAULT 0.00000, y year
) AUTO_INCREMENT=4242 COMMENT='numbers; it''s "quoted" `here` \\ and\nthere';
INSERT INTO types_number VALUES
  (0, -128, 255, -32768, -8388608, 16777215, 42, -9223372036854775808, 18446744073709551615, true, b'1', b'11111111', x'FFFFFFFFFFFFFFFF',
   99999999999999999999999999999999999.999999999999999999999999999999, 9999999999, -3.402823466e38, 999.9999, 1.7976931348623157e308, -0.1, 2155),
  (1, 127, 0, 32767, 8388607, 0, 0, 9223372036854775807, 0, false, b'0', b'0', x'0A090D5C00000027',
   -0.000000000000000000000000000001, 0, 1.17549435e-38, -0.0001, 2.2250738585072014e-308, 0, 1901),
  (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0.1, 0),
  (3, 0, 0, 0, 0, 0, 0, 0, 0, 2, b'1', x'5C', x'5C', 0, 0, 0.1, 3.14159, 0.1, 1e10, 1970),
  (4, 1, 1, 1, 1, 1, 1, 1, 1, 1, b'1', x'0A', x'09', 1, 1, 16777217, 1, 123456789.123456789, 1, 2026);
CREATE TABLE types_time (
  id int NOT NULL PRIMARY KEY,
  d date, t time, t6 time(6), dt datetime, dt3 datetime(3), dt6 datetime(6), ts timestamp NULL DEFAULT NULL,
  ts6 timestamp(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6), dn date NOT NULL DEFAULT '0000-00-00'
);
INSERT INTO types_time VALUES
  (1, '0000-00-00', '-838:59:59', '-00:00:00.000001', '0000-00-00 00:00:00', '0000-00-00 00:00:00.000', '0000-00-00', '0000-00-00 00:00:00', '1970-01-01 00:00:01.000001', '0000-00-00'),
  (2, '2026-00-00', '838:59:59', '838:59:58.999999', '9999-12-31 23:59:59', '2026-02-28 12:00:00.123', '9999-12-31 23:59:59.999999', '2038-01-19 03:14:07', '2026-03-29 01:30:00.5', '1000-01-01'),
  (3, '2026-02-00', '00:00:00', '12:34:56.7', '2026-10-25 02:30:00', '1000-01-01', '0001-01-01 00:00:00', NULL, '2026-10-25 00:30:00', '2026-00-15'),
  (4, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-01-01', '2026-01-01');
SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES';
INSERT INTO types_time (id, d, dt) VALUES (5, '2026-02-31', '2026-04-31 10:00:00');
SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO';
CREATE TABLE types_text (
  id int NOT NULL PRIMARY KEY,
  c char(10), vc varchar(255) COLLATE utf8mb4_bin, tt tinytext, tx text, mt mediumtext, lt longtext,
  bin binary(4), vb varbinary(255), tb tinyblob, bl blob, mb mediumblob, lb longblob,
  e enum('', 'a''b', 'c"d', 'e,f', 'g\\h', 'i\tj', 'ü😀') DEFAULT 'e,f', s set('x y', 'a''b', 'q"q', 'b\\c', 'ü😀') DEFAULT 'x y,ü😀',
  dflt varchar(50) DEFAULT 'it''s "a" \\ `default`\n' COMMENT 'quote '' backslash \\ newline\n semicolon ; -- dashes'
) DEFAULT CHARSET=utf8mb4;
INSERT INTO types_text VALUES
  (1, '  pad  ', '\\N', 'tab\tnl\ncr\rnul\0bs\\q''dq"bt`', 'ä€😀', REPEAT('0123456789ABCDE\n', 4096), '\\N', 'ab', 0x00FF0A0D095C27221A, '', 0x00, REPEAT(0xFF00, 40000), REPEAT(0x5C0A, 70000), '', '', ''),
  (2, NULL, 'NULL', 'N', '\\', '', NULL, 0x00000000, NULL, NULL, NULL, NULL, NULL, 'ü😀', 'x y,a''b,q"q,b\\c,ü😀', NULL),
  (3, '', '', '', '', '', '', '', '', '', '', '', '', 'g\\h', 'b\\c', 'x');
INSERT IGNORE INTO types_text (id, e) VALUES (4, 'no such member');
-- Values that were no members, in a column that has no empty member, and in one that has.
CREATE TABLE types_enum (id int NOT NULL PRIMARY KEY, e enum('a', 'b'), f enum('', 'x') NOT NULL);
INSERT IGNORE INTO types_enum VALUES (1, 'a', ''), (2, 'none', 'x'), (3, NULL, 'none'), (4, '', '');
CREATE TABLE types_json (id int NOT NULL PRIMARY KEY, j json, js json NOT NULL);
INSERT INTO types_json VALUES
  (1, '{"a": [1, 2.50, null, true, "ä\\n😀", {"b": {}}], "": "\\u0000 \\\\ \\" /"}', '[]'), (2, NULL, 'null'), (3, '1e300', '"x"') ON DUPLICATE KEY UPDATE js = js;
CREATE TABLE types_geometry (
  id int NOT NULL PRIMARY KEY, g geometry, p point NOT NULL, l linestring, po polygon, mp multipoint, ml multilinestring, mpo multipolygon, gc geometrycollection,
  SPATIAL KEY p_at (p)
);
INSERT INTO types_geometry VALUES
  (1, ST_GeomFromText('POINT(1 2)'), ST_GeomFromText('POINT(0 0)'), ST_GeomFromText('LINESTRING(0 0,1 1,2 5)'), ST_GeomFromText('POLYGON((0 0,10 0,10 10,0 10,0 0),(5 5,7 5,7 7,5 7,5 5))'),
   ST_GeomFromText('MULTIPOINT(0 0,1 1)'), ST_GeomFromText('MULTILINESTRING((0 0,1 1),(2 2,3 3))'), ST_GeomFromText('MULTIPOLYGON(((0 0,1 0,1 1,0 1,0 0)))'),
   ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 1),LINESTRING(0 0,1 1))')),
  (2, ST_GeomFromText('POINT(13.5 52.5)', 4326), ST_GeomFromText('POINT(-1e10 1e-10)'), NULL, NULL, NULL, NULL, NULL, NULL);

-- Keys of every kind, among them those that no reader may step through one by one.
CREATE TABLE key_none (a int, b varchar(20));
INSERT INTO key_none VALUES (1, 'twice'), (1, 'twice'), (NULL, NULL), (2, '');
CREATE TABLE key_empty (a int);
CREATE TABLE key_sparse (id bigint NOT NULL PRIMARY KEY, v int);
INSERT INTO key_sparse VALUES (-9223372036854775808, 1), (-5, 2), (0, 3), (7, 4), (9000000000000000000, 5), (9223372036854775807, 6);
CREATE TABLE key_unsigned (id bigint unsigned NOT NULL PRIMARY KEY, v int);
INSERT INTO key_unsigned VALUES (0, 1), (18446744073709551615, 2), (9223372036854775808, 3);
CREATE TABLE key_compound (a int NOT NULL, b varchar(30) NOT NULL, c datetime NOT NULL, v int, PRIMARY KEY (b, a, c), KEY by_c (c DESC, a));
INSERT INTO key_compound VALUES (1, 'x', '2026-01-01', 1), (1, 'y ', '2026-01-01', 2), (2, 'ä', '0000-00-00', 3), (2, 'z\\\n''', '2026-01-01', 4);
CREATE TABLE key_string (id varchar(100) COLLATE utf8mb4_unicode_ci NOT NULL PRIMARY KEY, v int) DEFAULT CHARSET=utf8mb4;
INSERT INTO key_string VALUES ('', 0), ('a', 1), ('Ö', 2), ('ß', 3), ('😀', 4), ('it''s', 5), ('\\', 6), ('a b', 7);
CREATE TABLE key_binary (id binary(16) NOT NULL PRIMARY KEY, v int);
INSERT INTO key_binary VALUES (0x000102030405060708090A0B0C0D0E0F, 1), (0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF, 2), (0x5C5C270A000000000000000000000000, 3);
CREATE TABLE key_uuid (id char(36) CHARACTER SET ascii NOT NULL PRIMARY KEY, v int);
INSERT INTO key_uuid VALUES ('00000000-0000-0000-0000-000000000000', 1), ('c0ffee00-1234-4abc-8def-0123456789ab', 2), ('ffffffff-ffff-ffff-ffff-ffffffffffff', 3);
CREATE TABLE key_unique_only (a int NOT NULL, b int, UNIQUE KEY u_nullable (b), UNIQUE KEY u_usable (a));
INSERT INTO key_unique_only VALUES (1, NULL), (2, NULL), (3, 3);
CREATE TABLE key_auto_second (grp int NOT NULL, id int NOT NULL AUTO_INCREMENT, v int, PRIMARY KEY (grp, id), KEY (id)) AUTO_INCREMENT=77;
INSERT INTO key_auto_second VALUES (1, 0, 1), (1, 5, 2);
CREATE TABLE key_decimal (id decimal(20,5) NOT NULL PRIMARY KEY, v int);
INSERT INTO key_decimal VALUES (-0.00001, 1), (1.5, 2), (99999999999999.99999, 3);
CREATE TABLE key_many (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, a int, b varchar(60), c datetime(3), KEY by_a (a), KEY by_b_prefix (b(10)), FULLTEXT KEY words (b));
INSERT INTO key_many (a, b, c) WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 900)
  SELECT i % 37, CONCAT('row ', i, ' of many words'), '2026-01-01 00:00:00' + INTERVAL i MINUTE FROM n;
INSERT INTO key_many (a, b, c) SELECT a, b, c FROM key_many;
INSERT INTO key_many (a, b, c) SELECT a, b, c FROM key_many;
DELETE FROM key_many WHERE id % 7 = 0 OR id BETWEEN 1000 AND 1500;
ALTER TABLE key_many AUTO_INCREMENT = 1000000;

-- Generated, invisible, checked, indexed in every way, ordered in odd ways.
CREATE TABLE shapes (
  id int NOT NULL PRIMARY KEY,
  w int NOT NULL DEFAULT 1, h int NOT NULL DEFAULT (1 + 1),
  area int GENERATED ALWAYS AS (w * h) VIRTUAL, area2 int GENERATED ALWAYS AS (w * h * 2) STORED,
  label varchar(60) GENERATED ALWAYS AS (CONCAT('it''s ', w, ' x "', h, '" \\')) STORED,
  hidden int NOT NULL DEFAULT 7 INVISIBLE, u varchar(40) DEFAULT (UUID()),
  KEY by_area (area), UNIQUE KEY by_label (label), KEY by_two (w DESC, h ASC),
  CONSTRAINT positive CHECK (w > 0 AND h > 0), CONSTRAINT `odd name's` CHECK (w <> 13 OR h <> '\'')
);
INSERT INTO shapes (id, w, h, hidden, u) VALUES (1, 2, 3, 8, 'a'), (2, 5, 5, 7, NULL);
INSERT INTO shapes (id, w, h, u) VALUES (3, 1, 9, 'c');

-- Partitions.
CREATE TABLE part_range (id int NOT NULL, at date NOT NULL, v varchar(20), PRIMARY KEY (id, at))
  PARTITION BY RANGE (TO_DAYS(at)) (PARTITION p0 VALUES LESS THAN (TO_DAYS('2026-01-01')) COMMENT 'it''s old', PARTITION p1 VALUES LESS THAN (TO_DAYS('2027-01-01')), PARTITION pmax VALUES LESS THAN MAXVALUE);
INSERT INTO part_range VALUES (1, '2025-05-05', 'old'), (2, '2026-05-05', 'now'), (3, '2030-01-01', 'then');
CREATE TABLE part_columns (a int NOT NULL, b varchar(10) NOT NULL) PARTITION BY RANGE COLUMNS (b, a) (PARTITION p0 VALUES LESS THAN ('m', 10), PARTITION p1 VALUES LESS THAN (MAXVALUE, MAXVALUE));
INSERT INTO part_columns VALUES (1, 'a'), (1, 'z');
CREATE TABLE part_list (id int NOT NULL, kind int NOT NULL) PARTITION BY LIST (kind) (PARTITION odd VALUES IN (1, 3, 5), PARTITION even VALUES IN (0, 2, 4, NULL));
INSERT INTO part_list VALUES (1, 1), (2, 2), (3, 5);
CREATE TABLE part_hash (id int NOT NULL PRIMARY KEY, v int) PARTITION BY LINEAR HASH (id) PARTITIONS 4;
INSERT INTO part_hash VALUES (1, 1), (2, 2), (3, 3), (4, 4), (5, 5);
CREATE TABLE part_key (id varchar(20) NOT NULL PRIMARY KEY, v int) PARTITION BY KEY () PARTITIONS 3;
INSERT INTO part_key VALUES ('a', 1), ('b', 2), ('c', 3);
CREATE TABLE part_sub (id int NOT NULL, at int NOT NULL) PARTITION BY RANGE (at) SUBPARTITION BY HASH (id) SUBPARTITIONS 2 (PARTITION p0 VALUES LESS THAN (100), PARTITION p1 VALUES LESS THAN MAXVALUE);
INSERT INTO part_sub VALUES (1, 1), (2, 2), (3, 300);

-- Other engines: nothing of them is rolled back.
CREATE TABLE engine_myisam (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, v varchar(50), FULLTEXT KEY (v)) ENGINE=MyISAM PACK_KEYS=1 ROW_FORMAT=DYNAMIC;
INSERT INTO engine_myisam (v) VALUES ('one'), ('two'), (NULL);
CREATE TABLE engine_memory (id int NOT NULL PRIMARY KEY, v varchar(50), KEY USING BTREE (v)) ENGINE=MEMORY MAX_ROWS=1000;
INSERT INTO engine_memory VALUES (1, 'in memory');
CREATE TABLE engine_csv (id int NOT NULL, v varchar(50) NOT NULL) ENGINE=CSV;
INSERT INTO engine_csv VALUES (1, 'a,"b"'), (2, 'line\nbreak');
CREATE TABLE engine_archive (id int NOT NULL, v varchar(50)) ENGINE=ARCHIVE;
INSERT INTO engine_archive VALUES (1, 'kept');
CREATE TABLE options_many (id int NOT NULL PRIMARY KEY, t text) ENGINE=InnoDB ROW_FORMAT=COMPRESSED KEY_BLOCK_SIZE=8 STATS_PERSISTENT=0 STATS_AUTO_RECALC=1 DEFAULT CHARSET=latin1 COLLATE=latin1_german2_ci;
INSERT INTO options_many VALUES (1, 'straße');

-- Names.
CREATE TABLE `we``ird.name ☃"'` (`col``umn.☃` int NOT NULL PRIMARY KEY, `select` int, ` lead` int, `a%b\c` int, KEY `in``dex.` (`select`));
INSERT INTO `we``ird.name ☃"'` VALUES (1, 2, 3, 4);
CREATE TABLE `UPPER` (`Id` int NOT NULL PRIMARY KEY);
CREATE TABLE `upper` (`id` int NOT NULL PRIMARY KEY);
INSERT INTO `UPPER` VALUES (1);
CREATE TABLE `group` (`order` int NOT NULL PRIMARY KEY);
CREATE TABLE `a/b\c:d` (id int NOT NULL PRIMARY KEY);
CREATE TABLE name_of_64_characters_which_is_the_longest_that_there_may_be_xxx (column_of_64_characters_which_is_the_longest_that_there_may_be_x int NOT NULL PRIMARY KEY);

-- Foreign keys: a circle, itself, compound, with every action.
CREATE TABLE fk_hen (id int NOT NULL PRIMARY KEY, egg int, CONSTRAINT hen_egg FOREIGN KEY (egg) REFERENCES fk_egg (id) ON DELETE SET NULL) ENGINE=InnoDB;
CREATE TABLE fk_egg (id int NOT NULL PRIMARY KEY, hen int, CONSTRAINT egg_hen FOREIGN KEY (hen) REFERENCES fk_hen (id) ON UPDATE CASCADE) ENGINE=InnoDB;
INSERT INTO fk_hen VALUES (1, 1), (2, NULL);
INSERT INTO fk_egg VALUES (1, 1), (2, 2);
CREATE TABLE fk_self (id int NOT NULL PRIMARY KEY, parent int, FOREIGN KEY (parent) REFERENCES fk_self (id) ON DELETE CASCADE);
INSERT INTO fk_self VALUES (1, 2), (2, 1), (3, 3);
CREATE TABLE fk_compound (id int NOT NULL PRIMARY KEY, b varchar(30) NOT NULL, a int NOT NULL, c datetime NOT NULL,
  CONSTRAINT `fk``odd` FOREIGN KEY (b, a, c) REFERENCES key_compound (b, a, c) ON DELETE RESTRICT ON UPDATE NO ACTION);
INSERT INTO fk_compound VALUES (1, 'x', 1, '2026-01-01');
CREATE TABLE log_lines (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, what varchar(200) NOT NULL, at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP);

-- Views: upon views, in an order that is not that of their names, with every option.
CREATE VIEW z_base AS SELECT id, w, h, area FROM shapes;
CREATE ALGORITHM=MERGE SQL SECURITY INVOKER VIEW m_middle (`the id`, `it's "big"`) AS SELECT id, area > 5 FROM z_base WHERE w > 1 WITH CASCADED CHECK OPTION;
CREATE ALGORITHM=TEMPTABLE VIEW a_top AS SELECT COUNT(*) AS n, 'it''s \\ "quoted"' AS txt FROM m_middle;
CREATE VIEW `vi``ew.☃` AS SELECT * FROM `we``ird.name ☃"'`;
CREATE DEFINER=`nobody here`@`no.such.host` SQL SECURITY INVOKER VIEW orphan_definer AS SELECT 1 AS one;
CREATE VIEW broken_view AS SELECT id FROM `upper`;

DELIMITER ;;
-- Routines with their own modes; the bodies hold what breaks naive splitters.
CREATE FUNCTION f_plain(a int, b varchar(20) CHARSET latin1) RETURNS varchar(100) CHARSET utf8mb4 DETERMINISTIC NO SQL COMMENT 'it''s; a "comment"'
BEGIN
  -- a comment; with a semicolon and a DELIMITER word
  DECLARE x varchar(100) DEFAULT 'semi;colon // ;; \\ ''q''';
  /* another ; */
  RETURN CONCAT(x, a, b);
END;;
CREATE DEFINER=`gone`@`%` FUNCTION f_orphan() RETURNS int READS SQL DATA SQL SECURITY INVOKER RETURN (SELECT COUNT(*) FROM shapes);;
CREATE VIEW calls_function AS SELECT f_plain(1, 'x') AS v, f_orphan() AS n;;
CREATE PROCEDURE p_params(IN a int, INOUT b decimal(10,2), OUT c json) MODIFIES SQL DATA
BEGIN
  DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN ROLLBACK; RESIGNAL; END;
  SET b = b + a, c = JSON_OBJECT('a', a);
  INSERT INTO log_lines (what) VALUES ('called; done');
END;;
SET sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT';;
CREATE PROCEDURE "p_ansi"() SELECT "id" || 'x' FROM "shapes";;
CREATE VIEW "v_ansi" AS SELECT "id" || '-' || "w" AS "c" FROM "shapes";;
SET sql_mode = 'NO_BACKSLASH_ESCAPES';;
CREATE FUNCTION f_backslash() RETURNS varchar(10) DETERMINISTIC RETURN '\n';;
CREATE VIEW v_backslash AS SELECT 'a\' AS c;;
CREATE TRIGGER t_backslash BEFORE INSERT ON `UPPER` FOR EACH ROW SET @seen = '\';;
SET sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO';;
CREATE PROCEDURE p_strict() INSERT INTO types_time (id, d) VALUES (99, '0000-00-00');;
SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO';;
SET NAMES latin1;;
CREATE FUNCTION f_latin1() RETURNS varchar(10) CHARSET latin1 DETERMINISTIC RETURN _latin1 x'E4';;
SET NAMES utf8mb4 COLLATE utf8mb4_bin;;
CREATE FUNCTION f_utf8() RETURNS varchar(10) CHARSET utf8mb4 DETERMINISTIC RETURN 'ä😀';;
SET NAMES utf8mb4;;
CREATE PROCEDURE `proc``edure.☃`() SELECT 1;;

-- Triggers: several for one event, in an order that is not that of their names.
CREATE TRIGGER z_first BEFORE INSERT ON shapes FOR EACH ROW SET NEW.u = CONCAT(COALESCE(NEW.u, ''), '1');;
CREATE TRIGGER a_third BEFORE INSERT ON shapes FOR EACH ROW FOLLOWS z_first SET NEW.u = CONCAT(NEW.u, '3');;
CREATE TRIGGER m_second BEFORE INSERT ON shapes FOR EACH ROW PRECEDES a_third SET NEW.u = CONCAT(NEW.u, '2');;
CREATE DEFINER=`gone`@`%` TRIGGER t_orphan AFTER UPDATE ON fk_egg FOR EACH ROW BEGIN INSERT INTO log_lines (what) VALUES ('egg; changed'); END;;
CREATE TRIGGER `tri``gger.☃` AFTER DELETE ON `we``ird.name ☃"'` FOR EACH ROW INSERT INTO log_lines (what) VALUES (OLD.`select`);;

-- Events.
SET time_zone = '+05:30';;
CREATE EVENT e_every ON SCHEDULE EVERY '1:30' HOUR_MINUTE STARTS '2030-01-01 00:00:00' ENDS '2031-01-01 00:00:00' ON COMPLETION PRESERVE DISABLE COMMENT 'it''s an event;' DO BEGIN DELETE FROM log_lines WHERE id < 0; SET @x = ';'; END;;
CREATE EVENT `e_once.☃` ON SCHEDULE AT '2035-06-01 12:00:00' ON COMPLETION PRESERVE ENABLE DO INSERT INTO log_lines (what) VALUES ('once');;
SET time_zone = '+00:00';;
DELIMITER ;
DROP TABLE `upper`;
SET foreign_key_checks = 1;

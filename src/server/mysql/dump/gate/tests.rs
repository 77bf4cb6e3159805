use super::*;

fn gate(version: &str) -> Gate {
    Gate::new(Flavour::of(version), Rules::default(), Some("shop".to_owned()))
}

fn judged(version: &str, script: &[&str]) -> Result<Vec<Act>, Refusal> {
    let mut gate = gate(version);
    script.iter().map(|statement| gate.judge(statement.as_bytes())).collect()
}

/// What is sent of the last statement.
#[track_caller]
fn sent(script: &[&str]) -> String {
    match judged("9.7.4", script).expect("let pass").pop() {
        Some(Act::Run(text, _)) => String::from_utf8(text).expect("text").split_whitespace().collect::<Vec<_>>().join(" "),
        Some(other) => format!("{other:?}"),
        None => String::new(),
    }
}

#[test]
fn what_dumps_do_passes() {
    for (statement, wanted) in [
        (
            "/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */",
            "SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES'",
        ),
        ("SET @@GLOBAL.GTID_PURGED=/*!80000 '+'*/ 'b9ff2afa:1-165'", "Nothing"),
        ("SET @@SESSION.SQL_LOG_BIN= 0", "Nothing"),
        ("SET character_set_client = ", "Nothing"),
        ("SET collation_connection = utf8mb4", "Nothing"),
        ("LOCK TABLES `a` WRITE, `b` READ LOCAL", "Nothing"),
        ("CHANGE MASTER TO MASTER_LOG_FILE='a'", "Nothing"),
        ("/*!50001 DROP VIEW IF EXISTS `a`*/", "DROP VIEW IF EXISTS `a`"),
        ("DROP TABLE IF EXISTS `shop`.`a`, b", "DROP TABLE IF EXISTS `a`, b"),
        (
            "CREATE TABLE `shop`.`a` (`i` int DEFAULT nextval(`shop`.`s`), `d` decimal(5,2) DEFAULT 1.5, `x` int REFERENCES shop.b (i)) ENGINE=InnoDB",
            "CREATE TABLE `a` (`i` int DEFAULT nextval(`s`), `d` decimal(5,2) DEFAULT 1.5, `x` int REFERENCES b (i)) ENGINE=InnoDB",
        ),
        (
            "CREATE TABLE `a` (`i` int) /*!50100 PARTITION BY RANGE (`i`) (PARTITION p VALUES LESS THAN (5)) */",
            "CREATE TABLE `a` (`i` int) PARTITION BY RANGE (`i`) (PARTITION p VALUES LESS THAN (5))",
        ),
        ("INSERT INTO `shop`.`a` (`i`, `select`) VALUES (1,'x')", "INSERT INTO `a` (`i`, `select`) VALUES (1,'x')"),
        (
            "/*!50003 CREATE*/ /*!50017 DEFINER=`r`@`%`*/ /*!50003 TRIGGER `t` BEFORE INSERT ON `a` FOR EACH ROW BEGIN SET NEW.i = 1; END */",
            "CREATE DEFINER=`r`@`%` TRIGGER `t` BEFORE INSERT ON `a` FOR EACH ROW BEGIN SET NEW.i = 1; END",
        ),
        (
            "/*!50106 CREATE*/ /*!50117 DEFINER=`r`@`%`*/ /*!50106 EVENT `e` ON SCHEDULE EVERY 1 DAY ON COMPLETION NOT PRESERVE ENABLE COMMENT 'x' DO select 1 */",
            "CREATE DEFINER=`r`@`%` EVENT `e` ON SCHEDULE EVERY 1 DAY ON COMPLETION NOT PRESERVE DISABLE COMMENT 'x' DO select 1",
        ),
        (
            "CREATE EVENT e ON SCHEDULE EVERY 1 DAY COMMENT 'ENABLE' DO select 1",
            "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DISABLE COMMENT 'ENABLE' DO select 1",
        ),
        ("CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO select 1", "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DISABLE DO select 1"),
        (
            "CREATE EVENT e ON SCHEDULE EVERY 1 DAY STARTS @disable DO select 1",
            "CREATE EVENT e ON SCHEDULE EVERY 1 DAY STARTS @disable DISABLE DO select 1",
        ),
        (
            "CREATE EVENT e ON SCHEDULE EVERY 1 DAY STARTS @enable + disable() ENABLE DO select 1",
            "CREATE EVENT e ON SCHEDULE EVERY 1 DAY STARTS @enable + disable() DISABLE DO select 1",
        ),
        ("DO SETVAL(`s`, -25, 0)", "DO SETVAL(`s`, -25, 0)"),
        (
            "ALTER DATABASE `shop` CHARACTER SET latin1 COLLATE latin1_swedish_ci",
            "ALTER DATABASE CHARACTER SET latin1 COLLATE latin1_swedish_ci",
        ),
        ("/*!40000 ALTER TABLE `a` DISABLE KEYS */", "ALTER TABLE `a` DISABLE KEYS"),
        (
            "ALTER TABLE `a` ADD PRIMARY KEY (`i`), ADD KEY `k` (`x`,`y`), MODIFY `i` int NOT NULL AUTO_INCREMENT, ADD CONSTRAINT f FOREIGN KEY (x) REFERENCES b (i)",
            "ALTER TABLE `a` ADD PRIMARY KEY (`i`), ADD KEY `k` (`x`,`y`), MODIFY `i` int NOT NULL AUTO_INCREMENT, ADD CONSTRAINT f FOREIGN KEY (x) REFERENCES b (i)",
        ),
    ] {
        assert_eq!(sent(&[statement]), wanted, "{statement}");
    }
}

#[test]
fn what_reaches_beyond_the_database_is_refused() {
    for script in [
        &["CREATE USER evil@'%' IDENTIFIED BY 'x'"][..],
        &["GRANT ALL ON *.* TO evil@'%'"],
        &["SET GLOBAL general_log = 1"],
        &["SET @@global.general_log = 1"],
        &["SET PERSIST general_log = 1"],
        &["SET @x = (SELECT 1)"],
        &["SET @x = LOAD_FILE('/etc/passwd')"],
        &["SET PASSWORD = 'x'"],
        &["SET sql_mode = CONCAT('ANSI', '_QUOTES')"],
        &["SET NAMES gbk"],
        &["SET character_set_client = sjis"],
        &["SET @x = 'gbk'", "SET character_set_client = @x"],
        &["SET character_set_results = gbk", "SET @x = @@character_set_results", "SET character_set_client = @x"],
        &["SELECT * FROM mysql.user INTO OUTFILE '/tmp/x'"],
        &["SELECT SETVAL(`s`, (SELECT 1))"],
        &["DO SLEEP(100)"],
        &["LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE a"],
        &["source /etc/passwd"],
        &["CALL p()"],
        &["INSERT INTO mysql.user VALUES (1)"],
        &["INSERT INTO `other`.a VALUES (1)"],
        &["INSERT INTO a SELECT * FROM mysql.user"],
        &["INSERT INTO a VALUES (LOAD_FILE('/etc/passwd'))"],
        &["INSERT INTO a VALUES (1); DROP DATABASE mysql"],
        &["/*!50001 INSERT INTO a VALUES (1) */; CREATE USER x"],
        &["/*!99999 INSERT INTO a VALUES */ CREATE USER evil"],
        &["INSERT /*!50001 INTO mysql.user */ VALUES (1)"],
        &["CREATE TABLE a AS SELECT * FROM mysql.user"],
        &["CREATE TABLE a (i int) SELECT LOAD_FILE('/etc/passwd')"],
        &["CREATE TABLE a (i int) TABLE mysql.user"],
        &["CREATE TABLE a LIKE mysql.user"],
        &["CREATE TABLE other.a (i int)"],
        &["CREATE TABLE a (i int) DATA DIRECTORY='/tmp'"],
        &["CREATE TABLE a (i int) ENGINE=FEDERATED CONNECTION='mysql://x'"],
        &["CREATE TABLE a (i int) ENGINE=CONNECT TABLE_TYPE=DOS FILE_NAME='/etc/passwd'"],
        &["CREATE TABLE a (i int) ENGINE=MRG_MyISAM UNION=(mysql.x)"],
        &["SET default_storage_engine = CONNECT", "CREATE TABLE a (i int) TABLE_TYPE=DOS FILE_NAME='/etc/passwd'"],
        &["CREATE TABLE a (i int) PARTITION BY HASH (i) (PARTITION p ENGINE = CONNECT)"],
        &["CREATE TABLE a (i int) ENGINE CONNECT"],
        &["CREATE SEQUENCE s ENGINE=CONNECT"],
        &["CREATE TABLE a (i int REFERENCES other.b (i))"],
        &["CREATE TABLE a (i int); GRANT ALL ON *.* TO x"],
        &["CREATE FUNCTION f RETURNS STRING SONAME 'lib.so'"],
        &["CREATE AGGREGATE FUNCTION f RETURNS STRING SONAME 'lib.so'"],
        &["CREATE TRIGGER other.t BEFORE INSERT ON a FOR EACH ROW SET @a = 1"],
        &["CREATE TRIGGER t BEFORE INSERT ON other.a FOR EACH ROW SET @a = 1"],
        &["CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW DELETE FROM x.y", "INSERT INTO A VALUES (1)"],
        &["CREATE VIEW v AS SELECT * FROM mysql.user", "INSERT INTO v VALUES (1)"],
        &["CREATE TABLESPACE x ADD DATAFILE 'x'"],
        &["DROP USER root"],
        &["DROP TABLE mysql.user"],
        &["ALTER TABLE mysql.user ADD x int"],
        &["ALTER TABLE a RENAME TO other.a"],
        &["ALTER TABLE a EXCHANGE PARTITION p WITH TABLE b"],
        &["ALTER DATABASE other CHARACTER SET latin1"],
        &["ALTER USER root IDENTIFIED BY ''"],
        &["INSTALL PLUGIN x SONAME 'y'"],
        &["XA START 'x'"],
        &["HANDLER mysql.user OPEN"],
        &["CREATE TABLE a (i int) /* no end"],
        &["UPDATE a SET i = 1"],
        &["DELETE FROM a"],
    ] {
        for version in ["9.7.4", "10.11.19-MariaDB"] {
            assert!(judged(version, script).is_err(), "{version}: {script:?}");
        }
    }
}

#[test]
fn what_is_quoted_is_what_the_server_takes_for_quoted() {
    // In this mode a backslash quotes nothing: what looks quoted is not.
    let script = ["SET sql_mode = 'NO_BACKSLASH_ESCAPES'", "INSERT INTO a VALUES ('\\'), (LOAD_FILE('x'))"];
    assert!(judged("9.7.4", &script).is_err());
    assert!(
        judged("9.7.4", &["SET @m = @@sql_mode", script[0], "SET sql_mode = @m", "INSERT INTO a VALUES ('\\'), (LOAD_FILE(')')"]).is_ok()
    );
    assert_eq!(sent(&["SET sql_mode = 'ANSI_QUOTES'", "CREATE TABLE \"shop\".\"a\" (\"i\" int)"]), "CREATE TABLE \"a\" (\"i\" int)");
    assert!(judged("9.7.4", &["SET sql_mode = @never_set"]).is_err());
}

#[test]
fn databases_are_told_apart() {
    let script = [
        "CREATE DATABASE /*!32312 IF NOT EXISTS*/ `a` /*!40100 DEFAULT CHARACTER SET latin1 COLLATE latin1_bin */",
        "USE `a`",
        "CREATE TABLE t (i int)",
        "INSERT INTO t VALUES (1),(2)",
        "USE `mysql`",
        "CREATE TABLE user (i int)",
        "GRANT x",
        "USE b",
        "CREATE VIEW v AS SELECT 1",
        "CREATE VIEW v AS SELECT 2",
        "CREATE DEFINER=x@y PROCEDURE p() SELECT 1",
    ];
    let mut all = gate("9.7.4");
    let acts: Vec<Act> = script.iter().map(|one| all.judge(one.as_bytes()).expect("fine")).collect();
    assert_eq!((&acts[1], &acts[5], &acts[6]), (&Act::Enter("a".into()), &Act::Nothing, &Act::Nothing));
    let found = all.findings();
    assert_eq!(found.names(), ["a", "b"]);
    assert_eq!((found.parts[0].made, found.parts[0].rows(), found.parts[1].others), (1, 2, 2));
    assert_eq!(found.parts[0].charset, ("latin1".to_owned(), "latin1_bin".to_owned()));
    let rules = Rules { wanted: Wanted::One("b".into()), no_owner: true };
    let mut one = Gate::new(Flavour::of("9.7.4"), rules, None);
    let acts: Vec<Act> = script.iter().map(|one_of| one.judge(one_of.as_bytes()).expect("fine")).collect();
    assert!(acts[..7].iter().all(|act| *act == Act::Nothing));
    assert_eq!(one.databases(), ["a", "b"]);
    assert_eq!(acts[10], Act::Run(b"CREATE PROCEDURE p() SELECT 1".to_vec(), What::Made(Kind::Routine, "p".into())));
}

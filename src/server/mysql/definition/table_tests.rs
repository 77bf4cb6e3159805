use super::*;
use proptest::prelude::*;

const ORDERS: &str = "CREATE TABLE `or``ders` (\n  `id` bigint NOT NULL AUTO_INCREMENT,\n  `code` char(3) NOT NULL DEFAULT 'a,)''\\'',\n  `note` text COMMENT 'KEY (`id`), ',\n  \
    `low` varchar(9) GENERATED ALWAYS AS (lower(`code`)) STORED,\n  PRIMARY KEY (`id`),\n  UNIQUE KEY `u` (`code`),\n  KEY `f` ((lower(`code`)),`id` DESC) \
    /*!80000 INVISIBLE */,\n  FULLTEXT KEY `ft` (`note`) /*!50100 WITH PARSER `ngram` */ ,\n  SPATIAL KEY `sp` (`g`),\n  CONSTRAINT `fk` FOREIGN KEY (`code`) REFERENCES \
    `codes` (`code`) ON DELETE CASCADE,\n  CONSTRAINT `fk2` FOREIGN KEY (`code`) REFERENCES `other`.`codes` (`code`),\n  CONSTRAINT `c` CHECK ((`id` > 0))\n) \
    ENGINE=InnoDB AUTO_INCREMENT=17 DEFAULT CHARSET=utf8mb4 COMMENT='x) ENGINE=MyISAM'\n/*!50100 PARTITION BY HASH (`id`)\nPARTITIONS 4 */";

fn divided(text: &str) -> Division {
    TableText::parse(text).expect("the known form").divide()
}

#[test]
fn a_table_is_taken_apart_and_nothing_is_lost() {
    let parsed = TableText::parse(ORDERS).expect("the known form");
    assert_eq!(parsed.joined(), ORDERS);
    let kinds: Vec<(ItemKind, &str)> = parsed.items.iter().map(|item| (item.kind, item.name.as_str())).collect();
    use ItemKind::{Check, Column, Foreign, Fulltext, Key, Primary, Unique};
    assert_eq!(
        kinds,
        [
            (Column, "id"),
            (Column, "code"),
            (Column, "note"),
            (Column, "low"),
            (Primary, ""),
            (Unique, "u"),
            (Key, "f"),
            (Fulltext, "ft"),
            (Key, "sp"),
            (Foreign, "fk"),
            (Foreign, "fk2"),
            (Check, "c")
        ]
    );
    assert!(parsed.engine() == "InnoDB" && parsed.is_partitioned() && parsed.option("COMMENT").as_deref() == Some("x) ENGINE=MyISAM"));
    let division = parsed.divide();
    assert!(division.table.contains("PRIMARY KEY (`id`),\n  CONSTRAINT `c` CHECK ((`id` > 0))\n) ENGINE=InnoDB AUTO_INCREMENT=17"));
    assert!(!division.table.contains("`u`") && !division.table.contains("FOREIGN"));
    assert_eq!(
        division.keys,
        ["UNIQUE KEY `u` (`code`)", "KEY `f` ((lower(`code`)),`id` DESC) /*!80000 INVISIBLE */", "SPATIAL KEY `sp` (`g`)"]
    );
    assert_eq!(division.fulltext, ["FULLTEXT KEY `ft` (`note`) /*!50100 WITH PARSER `ngram` */"]);
    let referred: Vec<&TableName> = division.foreign.iter().map(|key| &key.refers_to).collect();
    assert_eq!(referred, [&TableName::new("", "codes"), &TableName::new("other", "codes")]);
}

#[test]
fn keys_that_a_table_cannot_do_without_stay_in_it() {
    // The counter is not in the primary key.
    let text = "CREATE TABLE `t` (\n  `a` int NOT NULL,\n  `n` int NOT NULL AUTO_INCREMENT,\n  PRIMARY KEY (`a`),\n  KEY `an` (`a`,`n`),\n  KEY `n` (`n`)\n) ENGINE=InnoDB";
    let division = divided(text);
    assert!(division.table.contains("KEY `n` (`n`)") && division.keys == ["KEY `an` (`a`,`n`)"], "{division:?}");
    // Rows are stored by the first unique key without NULL where there is no primary key.
    let text = "CREATE TABLE `t` (\n  `a` int DEFAULT NULL,\n  `b` int NOT NULL,\n  UNIQUE KEY `a` (`a`),\n  UNIQUE KEY `b` (`b`)\n) ENGINE=InnoDB";
    let division = divided(text);
    assert!(division.table.contains("UNIQUE KEY `b`") && division.keys == ["UNIQUE KEY `a` (`a`)"], "{division:?}");
    // Partitions by a key that is not named.
    let text = "CREATE TABLE `t` (\n  `a` int DEFAULT NULL,\n  UNIQUE KEY `a` (`a`)\n) ENGINE=InnoDB\n PARTITION BY KEY ()\nPARTITIONS 2";
    assert!(divided(text).keys.is_empty());
    // Engines that would copy the table for each key.
    let text = "CREATE TABLE `t` (\n  `a` int DEFAULT NULL,\n  KEY `a` (`a`),\n  FULLTEXT KEY `f` (`a`)\n) ENGINE=MyISAM";
    assert_eq!(divided(text).table, text);
}

#[test]
fn what_has_not_the_known_form_is_not_taken_apart() {
    for text in ["", "CREATE TABLE `t`", "CREATE TABLE `t` (\n  `a` int", "CREATE SEQUENCE `s` start with 1"] {
        assert_eq!(TableText::parse(text), None, "{text}");
    }
}

/// Items as the servers write them, with names and literals that try to look like the rest.
fn item() -> impl Strategy<Value = String> {
    let name = "[a-z,()'\" ;]{1,6}".prop_map(|name| format!("`{}`", name.replace('`', "``")));
    let literal = "[a-z,()`\"; ]{0,8}".prop_map(|text| format!("'{text}'''"));
    (name, literal, 0..7_u8).prop_map(|(name, literal, kind)| match kind {
        0 => format!("{name} varchar(9) DEFAULT {literal} COMMENT {literal}"),
        1 => format!("KEY {name} ({name}(3),{name} DESC) COMMENT {literal}"),
        2 => format!("UNIQUE KEY {name} ((concat({name},{literal})))"),
        3 => format!("FULLTEXT KEY {name} ({name}) /*!50100 WITH PARSER `ngram` */ "),
        4 => format!("CONSTRAINT {name} FOREIGN KEY ({name}) REFERENCES {name} ({name})"),
        5 => format!("CONSTRAINT {name} CHECK (({name} <> {literal}))"),
        _ => format!("{name} enum({literal},{literal}) NOT NULL"),
    })
}

proptest! {
    #[test]
    fn the_parts_together_are_the_text(items in prop::collection::vec(item(), 1..8), engine in "InnoDB|MyISAM") {
        let items = [vec!["`first` int".to_owned()], items].concat();
        let text = format!("CREATE TABLE `t` (\n  {}\n) ENGINE={engine} COMMENT='a''),('", items.join(",\n  "));
        let parsed = TableText::parse(&text).expect("the known form");
        prop_assert_eq!(parsed.joined(), text.as_str());
        prop_assert_eq!(parsed.items.len(), items.len());
        let division = parsed.divide();
        let again = TableText::parse(&division.table).expect("what is left has the known form too");
        prop_assert_eq!(again.items.len() + division.keys.len() + division.fulltext.len() + division.foreign.len(), items.len());
        for text in division.keys.iter().chain(&division.fulltext) {
            prop_assert!(items.iter().any(|item| item.trim() == text));
        }
    }

    #[test]
    fn any_text_is_survived(text in "[A-Z`'\"(),; \\\\=]{0,60}") {
        if let Some(parsed) = TableText::parse(&text) {
            prop_assert_eq!(parsed.joined(), text.as_str());
            let _ = parsed.divide();
        }
    }
}

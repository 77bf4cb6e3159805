//! What came with a version, or is one product's alone: types, collations, kinds of objects, and modes that definitions ask for.

use super::lexer::{Placed, Token, value, words};
use super::script;
use crate::domain::Product;
use crate::domain::schema::SchemaObject;
use crate::server::Feature;

/// How a feature shows in a definition.
enum Sign {
    /// The object's kind.
    Kind(&'static str),
    /// Words one after another outside of literals and quoted names.
    Words(&'static [&'static str]),
    /// A word that begins so: a collation.
    Prefix(&'static str),
    /// A mode that the object was made under.
    Mode(&'static str),
    /// An expression as a part of a key.
    ExpressionKey,
}

/// A feature, and from which version on each product has it: none where it never had.
struct Known {
    sign: Sign,
    name: &'static str,
    mysql: Option<u32>,
    mariadb: Option<u32>,
}

const fn known(sign: Sign, name: &'static str, mysql: Option<u32>, mariadb: Option<u32>) -> Known {
    Known { sign, name, mysql, mariadb }
}

/// Versions as in `version_num`: 80013 is 8.0.13, 101100 is 10.11.0.
const KNOWN: &[Known] = &[
    known(Sign::Kind("SEQUENCE"), "sequences", None, Some(100_300)),
    known(Sign::Kind("PACKAGE"), "packages", None, Some(100_300)),
    known(Sign::Kind("PACKAGE BODY"), "packages", None, Some(100_300)),
    known(Sign::Words(&["UUID"]), "the type UUID", None, Some(100_700)),
    known(Sign::Words(&["INET6"]), "the type INET6", None, Some(100_500)),
    known(Sign::Words(&["INET4"]), "the type INET4", None, Some(101_000)),
    known(Sign::Words(&["NEXTVAL"]), "sequences", None, Some(100_300)),
    known(Sign::Words(&["WITH", "SYSTEM", "VERSIONING"]), "system versioning", None, Some(100_300)),
    known(Sign::Words(&["PERIOD", "FOR"]), "periods", None, Some(100_400)),
    known(Sign::Words(&["WITHOUT", "OVERLAPS"]), "WITHOUT OVERLAPS", None, Some(100_503)),
    known(Sign::Words(&["PERSISTENT"]), "the word PERSISTENT", None, Some(100_000)),
    known(Sign::Words(&["IGNORED"]), "ignored indexes", None, Some(100_600)),
    known(Sign::Words(&["COMPRESSED", "DEFAULT"]), "compressed columns", None, Some(100_300)),
    known(Sign::Words(&["ENGINE", "ARIA"]), "the engine Aria", None, Some(100_000)),
    known(Sign::Words(&["ENGINE", "CONNECT"]), "the engine CONNECT", None, Some(100_000)),
    known(Sign::Prefix("utf8mb4_uca1400_"), "collations of the Unicode version 14", None, Some(101_001)),
    known(Sign::Prefix("uca1400_"), "collations of the Unicode version 14", None, Some(101_001)),
    known(Sign::Prefix("utf8mb4_0900_"), "collations of the Unicode version 9 (utf8mb4_0900_…)", Some(80_000), Some(110_402)),
    known(Sign::ExpressionKey, "keys of expressions", Some(80_013), None),
    known(Sign::Words(&["VECTOR"]), "the type VECTOR", Some(90_000), Some(110_701)),
    known(Sign::Words(&["SRID"]), "SRID of a column", Some(80_003), None),
    known(Sign::Words(&["ENGINE_ATTRIBUTE"]), "ENGINE_ATTRIBUTE", Some(80_021), None),
    known(Sign::Words(&["SECONDARY_ENGINE"]), "SECONDARY_ENGINE", Some(80_014), None),
    known(Sign::Words(&["ARRAY"]), "multi-valued keys", Some(80_017), None),
    known(Sign::Words(&["ENGINE", "NDBCLUSTER"]), "the engine NDB", Some(50_000), None),
    known(Sign::Mode("ORACLE"), "sql_mode ORACLE", None, Some(100_300)),
    known(Sign::Mode("MSSQL"), "sql_mode MSSQL", None, Some(100_000)),
    known(Sign::Mode("EMPTY_STRING_IS_NULL"), "sql_mode EMPTY_STRING_IS_NULL", None, Some(100_300)),
    known(Sign::Mode("SIMULTANEOUS_ASSIGNMENT"), "sql_mode SIMULTANEOUS_ASSIGNMENT", None, Some(100_300)),
    known(Sign::Mode("TIME_ROUND_FRACTIONAL"), "sql_mode TIME_ROUND_FRACTIONAL", None, Some(100_401)),
    known(Sign::Mode("IGNORE_BAD_TABLE_OPTIONS"), "sql_mode IGNORE_BAD_TABLE_OPTIONS", None, Some(100_000)),
];

/// What a server of this product and version does not know of an object's definition.
pub fn unknown_to(product: Product, version_num: u32, object: &SchemaObject) -> Option<Feature> {
    let mode = script::sql_mode(&object.sql);
    let (settings, statement) = script::split(&object.sql);
    let all: Vec<Placed<'_>> = words(statement, script::quotes(&object.sql)).collect();
    // Bodies are not looked into: the server reads them when they run, and a variable may have any name.
    let has_body =
        matches!(object.kind.as_str(), "FUNCTION" | "PROCEDURE" | "TRIGGER" | "EVENT" | "PACKAGE" | "PACKAGE BODY" | "VIEW" | "ACL");
    let missing = KNOWN.iter().find(|known| {
        let since = if product == Product::Mariadb { known.mariadb } else { known.mysql };
        since.is_none_or(|since| version_num < since)
            && match known.sign {
                Sign::Kind(kind) => object.kind == kind,
                Sign::Mode(wanted) => mode.split(',').any(|mode| mode == wanted),
                Sign::Prefix(prefix) => {
                    let in_text = !has_body && all.iter().any(|placed| begins(placed.token, prefix));
                    in_text
                        || settings.iter().any(|line| {
                            line.strip_prefix("SET collation_connection = ").map(value).is_some_and(|name| name.starts_with(prefix))
                        })
                }
                Sign::Words(wanted) => !has_body && is_there(&all, wanted),
                Sign::ExpressionKey => {
                    object.kind == "INDEX"
                        && all.windows(2).any(|pair| pair[0].token == Token::Mark('(') && pair[1].token == Token::Mark('('))
                }
            }
    })?;
    let since = if product == Product::Mariadb { missing.mariadb } else { missing.mysql };
    Some(Feature { since: since.unwrap_or_default() / 10_000, name: missing.name })
}

fn begins(token: Token<'_>, prefix: &str) -> bool {
    matches!(token, Token::Word(word) if word.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix)))
}

/// Words one after another; an equals sign between them counts for nothing.
fn is_there(all: &[Placed<'_>], wanted: &[&str]) -> bool {
    let bare: Vec<Token<'_>> = all.iter().map(|placed| placed.token).filter(|token| *token != Token::Mark('=')).collect();
    bare.windows(wanted.len()).any(|some| some.iter().zip(wanted).all(|(token, word)| token.is(word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_product_knows_its_own() {
        let object = |kind: &str, sql: &str| SchemaObject { kind: kind.into(), sql: sql.into(), ..SchemaObject::default() };
        let unknown = |product, version, object: &SchemaObject| unknown_to(product, version, object).map(|feature| feature.name);
        let table =
            object("TABLE", "CREATE TABLE `uuid` (\n  `u` uuid DEFAULT NULL COMMENT 'INET6'\n) ENGINE=InnoDB COLLATE=utf8mb4_0900_ai_ci");
        assert_eq!(unknown(Product::Mysql, 90_700, &table), Some("the type UUID"));
        assert_eq!(unknown(Product::Mariadb, 101_114, &table), Some("collations of the Unicode version 9 (utf8mb4_0900_…)"));
        assert_eq!(unknown(Product::Mariadb, 110_800, &table), None);
        let names = object("TABLE", "CREATE TABLE `t` (\n  `uuid` int COMMENT 'uuid'\n) ENGINE=InnoDB");
        assert_eq!(unknown(Product::Mysql, 90_700, &names), None);
        let key = object("INDEX", "ALTER TABLE `t` ADD KEY `k` ((lower(`a`)))");
        assert_eq!(unknown(Product::Mariadb, 101_114, &key), Some("keys of expressions"));
        assert_eq!(unknown(Product::Mysql, 80_012, &key), Some("keys of expressions"));
        assert_eq!(unknown(Product::Mysql, 80_400, &key), None);
        let body = object("PROCEDURE", "SET sql_mode = 'ORACLE';\nCREATE PROCEDURE `p` AS BEGIN NULL; END");
        assert_eq!(unknown(Product::Mysql, 90_700, &body), Some("sql_mode ORACLE"));
        assert_eq!(unknown(Product::Mysql, 90_700, &object("SEQUENCE", "CREATE SEQUENCE `s`")), Some("sequences"));
    }
}

//! A table under another name. Its columns, keys and checks come along; what else is bound to its name (foreign keys, triggers, rights,
//! views) does not.

use super::lexer::{Placed, Quotes, Token, words};
use super::table::{ItemKind, TableText};
use crate::domain::schema::{SchemaObject, TableName};
use crate::server::mysql::quote::{ident, qualified};

/// See [`crate::server::definition::Definitions::renamed`].
pub fn renamed(mut object: SchemaObject, from: &TableName, to: &TableName) -> Option<SchemaObject> {
    match object.kind.as_str() {
        "TABLE" if object.name == from.name => {
            object.sql = named(&checks(&object.sql, &from.name, &to.name), to)?;
            object.drop_sql = format!("DROP TABLE IF EXISTS {}", qualified(to));
            object.name = to.name.clone();
        }
        "INDEX" if object.table.as_ref() == Some(from) => {
            object.sql = named(&object.sql, to)?;
            object.drop_sql = named(&object.drop_sql, to)?;
            object.name = object.name.replacen(&from.name, &to.name, 1);
            object.table = Some(to.clone());
        }
        _ => return None,
    }
    object.schema = Some(to.schema.clone());
    Some(object)
}

/// `CREATE TABLE` or `ALTER TABLE` with another name behind it.
fn named(sql: &str, to: &TableName) -> Option<String> {
    let head: Vec<Placed<'_>> = words(sql, Quotes::default()).take(3).collect();
    let [_, table, name] = &head[..] else { return None };
    if !table.token.is("TABLE") || !matches!(name.token, Token::Name(_)) {
        return None;
    }
    Some(format!("{}{}{}", &sql[..name.from], qualified(to), &sql[name.to..]))
}

/// Checks that MySQL has named after the table are named after the new one: they share a namespace with those of the old one.
fn checks(sql: &str, from: &str, to: &str) -> String {
    let Some(mut parsed) = TableText::parse(sql) else { return sql.to_owned() };
    let prefix = format!("{from}_chk_");
    let texts: Vec<Option<String>> = parsed
        .items
        .iter()
        .map(|item| {
            let number = item.name.strip_prefix(&prefix).filter(|_| item.kind == ItemKind::Check)?;
            Some(item.raw.replacen(&ident(&item.name), &ident(&format!("{to}_chk_{number}")), 1))
        })
        .collect();
    for (item, text) in parsed.items.iter_mut().zip(&texts) {
        item.raw = text.as_deref().unwrap_or(item.raw);
    }
    parsed.joined()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_and_its_keys_are_renamed_and_the_rest_is_left() {
        let (from, to) = (TableName::new("", "orders"), TableName::new("", "orders`2"));
        let object = |kind: &str, sql: &str| SchemaObject {
            kind: kind.into(),
            schema: Some(String::new()),
            name: "orders".into(),
            sql: sql.into(),
            drop_sql: "ALTER TABLE `orders` DROP KEY `a`".into(),
            table: (kind != "TABLE").then(|| from.clone()),
            ..SchemaObject::default()
        };
        let sql = "CREATE TABLE `orders` (\n  `orders` int COMMENT '`orders`',\n  CONSTRAINT `orders_chk_1` CHECK ((`orders` > 0))\n) ENGINE=InnoDB";
        let table = renamed(object("TABLE", sql), &from, &to).expect("a table");
        assert_eq!(
            table.sql,
            "CREATE TABLE `orders``2` (\n  `orders` int COMMENT '`orders`',\n  CONSTRAINT `orders``2_chk_1` CHECK ((`orders` > 0))\n) ENGINE=InnoDB"
        );
        let index = renamed(object("INDEX", "ALTER TABLE `orders` ADD KEY `a` (`orders`)"), &from, &to).expect("an index");
        assert_eq!((index.sql.as_str(), index.table.as_ref()), ("ALTER TABLE `orders``2` ADD KEY `a` (`orders`)", Some(&to)));
        assert_eq!(renamed(object("TRIGGER", "CREATE TRIGGER t"), &from, &to), None);
    }
}

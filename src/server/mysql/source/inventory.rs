//! Everything in a database by name and definition, for comparing a restored database with its source. One query for each kind, whatever the
//! number of tables; what has a body is compared by a digest of its own text.
//!
//! Nothing that changes with rows or by itself is in it: no estimates, no counters, no times; nor what a restore may leave out or change by
//! choice, apart from owners (the definers) and rights, which are kinds of their own.

use super::kinds::LEDGER;
use crate::domain::Product;
use crate::domain::schema::{InventoryItem, SchemaObject};
use crate::server::TargetChoices;
use crate::server::mysql::connect::Session;
use crate::server::mysql::definition::{definer, script};
use crate::server::mysql::quote::{ident, literal};
use crate::server::mysql::wire::{Error, Row};
use std::collections::{BTreeMap, HashSet};
use xxhash_rust::xxh3::xxh3_128;

fn item(kind: &str, identity: String, definition: String) -> InventoryItem {
    InventoryItem { kind: kind.to_owned(), identity, definition }
}

/// Values of a row as one text in which they cannot run into each other.
fn told(row: &Row, from: usize) -> String {
    let one = |at: usize| row.text(at).map_or_else(|| "-".to_owned(), |text| literal(&text));
    (from..row.len()).map(one).collect::<Vec<_>>().join(" ")
}

/// What the catalog says of tables and their parts.
pub async fn stored(session: &mut Session, database: &str) -> Result<Vec<InventoryItem>, Error> {
    let schema = literal(database);
    let maria = session.flavour().product == Product::Mariadb;
    let mut items = Vec::new();
    let tables = format!(
        "SELECT TABLE_NAME, TABLE_TYPE, ENGINE, TABLE_COLLATION, CREATE_OPTIONS, TABLE_COMMENT FROM information_schema.TABLES \
         WHERE TABLE_SCHEMA = {schema} AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') AND TABLE_NAME <> '{LEDGER}'"
    );
    let mut base: HashSet<String> = HashSet::new();
    for row in session.query(&tables).await? {
        items.push(item("table", row.owned(0), told(&row, 1)));
        base.insert(row.owned(0));
    }
    let srs = if maria { "NULL" } else { "SRS_ID" };
    let columns = format!(
        "SELECT TABLE_NAME, COLUMN_NAME, ORDINAL_POSITION, COLUMN_TYPE, IS_NULLABLE, COLUMN_DEFAULT, COLLATION_NAME, EXTRA, COLUMN_COMMENT, \
         GENERATION_EXPRESSION, {srs} FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = {schema}"
    );
    for row in session.query(&columns).await?.iter().filter(|row| base.contains(&row.owned(0))) {
        // A default may call a sequence of the database, by both their names.
        let definition = told(row, 2).replace(&format!("nextval({}.", ident(database)), "nextval(");
        items.push(item("column", format!("{} {}", row.owned(0), row.owned(1)), definition));
    }
    items.extend(indexes(session, &schema, maria, &base).await?);
    items.extend(constraints(session, database, &schema, maria).await?);
    let partitions = format!(
        "SELECT TABLE_NAME, PARTITION_NAME, SUBPARTITION_NAME, PARTITION_ORDINAL_POSITION, PARTITION_METHOD, PARTITION_EXPRESSION, PARTITION_DESCRIPTION, \
         SUBPARTITION_METHOD, SUBPARTITION_EXPRESSION, PARTITION_COMMENT FROM information_schema.PARTITIONS WHERE TABLE_SCHEMA = {schema} AND PARTITION_NAME IS NOT NULL"
    );
    for row in session.query(&partitions).await?.iter().filter(|row| base.contains(&row.owned(0))) {
        let identity = [row.owned(0), row.owned(1), row.owned(2)].join(" ");
        items.push(item("partition", identity.trim_end().to_owned(), told(row, 3)));
    }
    Ok(items)
}

async fn indexes(session: &mut Session, schema: &str, maria: bool, base: &HashSet<String>) -> Result<Vec<InventoryItem>, Error> {
    let (expression, seen) = if maria { ("NULL", "IGNORED") } else { ("EXPRESSION", "IS_VISIBLE") };
    let sql = format!(
        "SELECT TABLE_NAME, INDEX_NAME, NON_UNIQUE, INDEX_TYPE, INDEX_COMMENT, {seen}, COLUMN_NAME, SUB_PART, COLLATION, {expression} \
         FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = {schema} ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX"
    );
    let mut found: BTreeMap<(String, String), String> = BTreeMap::new();
    for row in session.query(&sql).await?.iter().filter(|row| base.contains(&row.owned(0))) {
        let index = found.entry((row.owned(0), row.owned(1))).or_insert_with(|| [2, 3, 4, 5].map(|at| literal(&row.owned(at))).join(" "));
        index.push_str(&format!(", {}", told(row, 6)));
    }
    Ok(found.into_iter().map(|((table, name), definition)| item("index", format!("{table} {name}"), definition)).collect())
}

async fn constraints(session: &mut Session, database: &str, schema: &str, maria: bool) -> Result<Vec<InventoryItem>, Error> {
    let checks = if maria {
        format!(
            "SELECT TABLE_NAME, CONSTRAINT_NAME, CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = {schema}"
        )
    } else {
        format!(
            "SELECT t.TABLE_NAME, c.CONSTRAINT_NAME, c.CHECK_CLAUSE, t.ENFORCED FROM information_schema.CHECK_CONSTRAINTS c \
             JOIN information_schema.TABLE_CONSTRAINTS t ON t.CONSTRAINT_SCHEMA = c.CONSTRAINT_SCHEMA AND t.CONSTRAINT_NAME = c.CONSTRAINT_NAME \
             WHERE c.CONSTRAINT_SCHEMA = {schema} AND t.CONSTRAINT_TYPE = 'CHECK'"
        )
    };
    let mut items = Vec::new();
    for row in session.query(&checks).await? {
        items.push(item("constraint", format!("{} {}", row.owned(0), row.owned(1)), told(&row, 2)));
    }
    let keys = format!(
        "SELECT r.TABLE_NAME, r.CONSTRAINT_NAME, r.MATCH_OPTION, r.UPDATE_RULE, r.DELETE_RULE, k.REFERENCED_TABLE_SCHEMA, k.REFERENCED_TABLE_NAME, \
         k.COLUMN_NAME, k.REFERENCED_COLUMN_NAME FROM information_schema.REFERENTIAL_CONSTRAINTS r JOIN information_schema.KEY_COLUMN_USAGE k \
         ON k.CONSTRAINT_SCHEMA = r.CONSTRAINT_SCHEMA AND k.CONSTRAINT_NAME = r.CONSTRAINT_NAME AND k.TABLE_NAME = r.TABLE_NAME \
         WHERE r.CONSTRAINT_SCHEMA = {schema} AND k.TABLE_SCHEMA = {schema} AND k.REFERENCED_TABLE_NAME IS NOT NULL \
         ORDER BY r.TABLE_NAME, r.CONSTRAINT_NAME, k.ORDINAL_POSITION"
    );
    let mut found: BTreeMap<(String, String), String> = BTreeMap::new();
    for row in session.query(&keys).await? {
        let key = found.entry((row.owned(0), row.owned(1))).or_insert_with(|| {
            // The own database has no name here: a copy has another one.
            let parent = if row.owned(5) == database { String::new() } else { row.owned(5) };
            format!("{} {} {}", [2, 3, 4].map(|at| row.owned(at)).join(" "), literal(&parent), literal(&row.owned(6)))
        });
        key.push_str(&format!(", {}", told(&row, 7)));
    }
    items.extend(found.into_iter().map(|((table, name), definition)| item("constraint", format!("{table} {name}"), definition)));
    Ok(items)
}

/// What has a text of its own, and whose rights it runs with.
pub fn of_objects(all: &[SchemaObject]) -> Vec<InventoryItem> {
    let names: BTreeMap<u32, &str> =
        all.iter().filter(|object| object.kind == "TRIGGER").map(|object| (object.id, object.name.as_str())).collect();
    let bare = TargetChoices { no_owner: true, ..TargetChoices::default() };
    let mut items = Vec::new();
    for object in all.iter().filter(|object| !object.broken && !matches!(object.kind.as_str(), "TABLE" | "INDEX" | "FK CONSTRAINT" | "ACL"))
    {
        let (settings, statement) = script::split(&object.sql);
        let statement = definer::chosen(statement, script::quotes(&object.sql), &bare);
        // The character set in which a text was typed may be another one in a copy; it changes nothing of what it means.
        let settings = settings.into_iter().filter(|line| !line.starts_with("SET character_set_client"));
        let text = settings.chain([statement.as_str()]).collect::<Vec<_>>().join("\n");
        let after = object.depends.iter().find_map(|id| names.get(id)).map(|name| format!(" after {name}")).unwrap_or_default();
        let kind = object.kind.to_lowercase();
        items.push(item(&kind, object.name.clone(), format!("{:032x}{after}", xxh3_128(text.as_bytes()))));
        if let Some(definer) = &object.definer {
            items.push(item("owner", format!("{kind} {}", object.name), definer.clone()));
        }
    }
    items
}

//! Turns schema objects into what is sent: their settings, then one statement, with definers and names as chosen.

use crate::domain::Product;
use crate::domain::schema::SchemaObject;
use crate::server::TargetChoices;
use crate::server::mysql::definition::script::{self, Script};

/// What is sent for an object; the settings first. Whoever sends it puts the session's own settings back.
pub fn of(object: &SchemaObject, choices: &TargetChoices, product: Product) -> String {
    let Script { settings, statement } = script::of(object, choices, product);
    let mut sql = String::with_capacity(statement.len() + settings.iter().map(|line| line.len() + 2).sum::<usize>());
    for line in settings {
        sql.push_str(&line);
        sql.push_str(";\n");
    }
    sql.push_str(&statement);
    sql
}

/// The statement alone, for faults.
pub fn statement(object: &SchemaObject, choices: &TargetChoices, product: Product) -> String {
    script::of(object, choices, product).statement
}

/// Whether an object sets anything for its statement.
pub fn sets(object: &SchemaObject) -> bool {
    object.sql.starts_with("SET ")
}

/// Whether the choices leave the object out altogether.
pub fn left_out(object: &SchemaObject, choices: &TargetChoices) -> bool {
    choices.no_acl && object.kind == "ACL"
}

/// An object as faults name it: `INDEX orders_idx`.
pub fn label(object: &SchemaObject) -> String {
    crate::domain::text::clean(&format!("{} {}", object.kind, object.name))
}

/// A statement that gives rights, to the account's name on the target.
pub fn granted(statement: &str, choices: &TargetChoices) -> String {
    match script::grantee(statement) {
        Some((account, place)) if account.is_mapped(&choices.map_roles) => {
            format!("{}{}{}", &statement[..place.start], account.mapped(&choices.map_roles).sql(), &statement[place.end..])
        }
        _ => statement.to_owned(),
    }
}

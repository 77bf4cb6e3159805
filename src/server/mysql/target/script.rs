//! Turns schema objects into what is sent: their settings, then one statement, as chosen.

use crate::domain::Product;
use crate::domain::schema::SchemaObject;
use crate::server::TargetChoices;
use crate::server::mysql::definition::script;

/// The statement behind the lines that set something.
pub fn statement(sql: &str) -> &str {
    script::split(sql).1
}

/// What is sent for an object to a server of this product.
pub fn of(object: &SchemaObject, choices: &TargetChoices, product: Product) -> String {
    let script = script::of(object, choices, product);
    let settings: String = script.settings.iter().map(|line| format!("{line};\n")).collect();
    format!("{settings}{}", script.statement)
}

/// Whether an object sets anything for its statement.
pub fn sets(object: &SchemaObject) -> bool {
    !script::split(&object.sql).0.is_empty()
}

/// Whether the choices leave the object out altogether.
pub fn left_out(object: &SchemaObject, choices: &TargetChoices) -> bool {
    choices.no_acl && matches!(object.kind.as_str(), "ACL" | "DEFAULT ACL")
}

/// An object as faults name it: `INDEX orders_idx`.
pub fn label(object: &SchemaObject) -> String {
    crate::domain::text::clean(&format!("{} {}", object.kind, object.name))
}

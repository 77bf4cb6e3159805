//! Turns schema objects into the SQL that is sent, with owners, tablespaces and roles as chosen.

use super::roles;
use crate::domain::schema::SchemaObject;
use crate::server::TargetChoices;
use crate::server::postgres::quote::ident;

/// The statements of one object, to be run inside a transaction block.
pub fn of(object: &SchemaObject, choices: &TargetChoices) -> String {
    let mut out = String::with_capacity(object.sql.len() + 128);
    if let Some(tablespace) = object.tablespace.as_deref().filter(|_| !choices.no_tablespaces) {
        out.push_str(&format!("SET LOCAL default_tablespace = {};\n", ident(tablespace)));
    }
    if let Some(method) = &object.access_method {
        out.push_str(&format!("SET LOCAL default_table_access_method = {};\n", ident(method)));
    }
    out.push_str(&body(object, choices));
    if let Some(owner) = object.owner_sql.as_deref().filter(|_| !choices.no_owner) {
        // The line break ends a comment that the statement before may end with.
        out.push_str("\n;\n");
        out.push_str(&roles::rewrite(owner, &choices.map_roles));
    }
    out.push_str("\n;\n");
    if object.tablespace.is_some() && !choices.no_tablespaces {
        out.push_str("SET LOCAL default_tablespace = '';\n");
    }
    if object.access_method.is_some() {
        out.push_str("SET LOCAL default_table_access_method = 'heap';\n");
    }
    out
}

/// The object's own SQL; roles are mapped where the kind of object can name any.
fn body(object: &SchemaObject, choices: &TargetChoices) -> String {
    match object.kind.as_str() {
        "ACL" | "DEFAULT ACL" | "POLICY" | "USER MAPPING" => roles::rewrite(&object.sql, &choices.map_roles),
        _ => object.sql.clone(),
    }
}

/// Whether the choices leave the object out altogether.
pub fn left_out(object: &SchemaObject, choices: &TargetChoices) -> bool {
    choices.no_acl && matches!(object.kind.as_str(), "ACL" | "DEFAULT ACL")
}

/// An object as faults name it: `INDEX public.orders_idx`.
pub fn label(object: &SchemaObject) -> String {
    let name = match &object.schema {
        Some(schema) => format!("{schema}.{}", object.name),
        None => object.name.clone(),
    };
    crate::domain::text::clean(&format!("{} {name}", object.kind))
}

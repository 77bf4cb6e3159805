//! What definitions make and need. Owner: objects.

use crate::domain::schema::SchemaObject;
use crate::server::{Feature, Made};

/// See [`crate::server::Server::roles_named`].
pub fn roles_named(_sql: &str) -> Vec<String> {
    Vec::new()
}

/// See [`crate::server::Server::made_by`].
pub fn made_by(_object: &SchemaObject) -> Vec<Made> {
    Vec::new()
}

/// See [`crate::server::Server::unknown_to`].
pub fn unknown_to(_version_num: u32, _object: &SchemaObject) -> Option<Feature> {
    None
}

/// See [`crate::server::Server::stays_inside`].
pub fn stays_inside(_object: &SchemaObject) -> bool {
    false
}

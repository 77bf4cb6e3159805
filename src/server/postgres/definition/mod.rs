//! What can be read from the text of a definition that pg_dump wrote.

mod key;
mod rename;

use crate::domain::schema::{SchemaObject, TableName};
use crate::server::definition::{Definitions, TwoSteps};

/// PostgreSQL's definitions.
pub struct PgDefinitions;

impl Definitions for PgDefinitions {
    fn two_steps(&self, object: &SchemaObject) -> Option<TwoSteps> {
        key::split(object)
    }

    fn renamed(&self, object: SchemaObject, from: &TableName, to: &TableName) -> Option<SchemaObject> {
        rename::renamed(object, from, to)
    }
}

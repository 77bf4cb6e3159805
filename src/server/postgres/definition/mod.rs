//! What can be read from the text of a definition that pg_dump wrote.

mod document;
mod key;
mod rename;

use crate::domain::schema::{SchemaObject, SequenceState, TableName};
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

    fn preamble(&self) -> &'static str {
        document::PREAMBLE
    }

    fn scripted(&self, object: &SchemaObject) -> String {
        document::scripted(object)
    }

    fn sequence(&self, state: &SequenceState) -> String {
        document::sequence(state)
    }

    fn refresh(&self, view: &TableName) -> String {
        format!("REFRESH MATERIALIZED VIEW {};\n", crate::server::postgres::quote::qualified(view))
    }
}

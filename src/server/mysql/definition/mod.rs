//! What can be read from the text of MySQL's and MariaDB's definitions, and what is made of it.

pub mod account;
pub mod definer;
mod document;
pub mod features;
pub mod grant;
pub mod lexer;
pub mod names;
mod rename;
pub mod schedule;
pub mod script;
pub mod table;
pub mod user;

use crate::domain::schema::{SchemaObject, SequenceState, TableName};
use crate::server::definition::{Definitions, TwoSteps};

/// The reader of MySQL's definitions.
pub struct MysqlDefinitions;

impl Definitions for MysqlDefinitions {
    fn two_steps(&self, _object: &SchemaObject) -> Option<TwoSteps> {
        // A key after the rows is one statement, and no index becomes one.
        None
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

    fn refresh(&self, _view: &TableName) -> String {
        // There are no materialized views.
        String::new()
    }
}

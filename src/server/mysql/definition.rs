//! What can be read from the text of MySQL's definitions.

use crate::domain::schema::{SchemaObject, TableName};
use crate::server::definition::{Definitions, TwoSteps};

/// The reader of MySQL's definitions.
pub struct MysqlDefinitions;

impl Definitions for MysqlDefinitions {
    fn two_steps(&self, _object: &SchemaObject) -> Option<TwoSteps> {
        None
    }

    fn renamed(&self, _object: SchemaObject, _from: &TableName, _to: &TableName) -> Option<SchemaObject> {
        None
    }
}

//! What can be read from the text of a definition without asking a server: each product writes its own.

use super::mysql::definition::MysqlDefinitions;
use super::postgres::definition::PgDefinitions;
use crate::domain::Product;
use crate::domain::schema::{SchemaObject, SequenceState, TableName};

/// A key in two steps, the first of which several sessions can do for one table at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TwoSteps {
    /// Makes the index.
    pub index: String,
    /// Makes the index a constraint, with whatever came after it in the object.
    pub attach: String,
}

/// How a product's definitions are read.
pub trait Definitions: Sync {
    /// A key in two steps, where it can be split and its text has the known form.
    fn two_steps(&self, object: &SchemaObject) -> Option<TwoSteps>;

    /// An object of the table `from` as one of the table `to`; none where it is bound to the old name in a way that cannot be changed.
    fn renamed(&self, object: SchemaObject, from: &TableName, to: &TableName) -> Option<SchemaObject>;

    /// What a script for the product's own client begins with.
    fn preamble(&self) -> &'static str;

    /// An object as it stands in such a script.
    fn scripted(&self, object: &SchemaObject) -> String;

    /// What gives a sequence its value in such a script.
    fn sequence(&self, state: &SequenceState) -> String;

    /// What fills a materialized view in such a script.
    fn refresh(&self, view: &TableName) -> String;
}

/// The reader of a product's definitions.
pub fn of(product: Product) -> &'static dyn Definitions {
    match product {
        Product::Postgres => &PgDefinitions,
        Product::Mysql | Product::Mariadb => &MysqlDefinitions,
    }
}

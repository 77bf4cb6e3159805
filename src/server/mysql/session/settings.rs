//! What every session is told first.

use super::Flavour;
use crate::domain::Product;

/// The settings of every session, behind `SET NAMES`.
pub fn settings(flavour: &Flavour, lock_timeout: u64) -> String {
    const YEAR: u64 = 31_536_000;
    let lock = if lock_timeout == 0 { YEAR } else { lock_timeout.min(YEAR) };
    // What another limit of the server's would end early or silently cut is set to its widest; what would change the text of rows and
    // definitions is set to what archives have.
    let statement = match flavour.product {
        Product::Mariadb => "max_statement_time = 0",
        Product::Mysql | Product::Postgres => "max_execution_time = 0",
    };
    format!(
        "SET NAMES utf8mb4; \
         SET SESSION autocommit = 1, time_zone = '+00:00', sql_mode = 'NO_AUTO_VALUE_ON_ZERO', lock_wait_timeout = {lock}, \
         innodb_lock_wait_timeout = {lock}, net_read_timeout = {YEAR}, net_write_timeout = {YEAR}, wait_timeout = {YEAR}, {statement}, \
         sql_quote_show_create = 1, sql_safe_updates = 0, sql_big_selects = 1, sql_select_limit = DEFAULT, sql_auto_is_null = 0, \
         group_concat_max_len = 1073741824"
    )
}

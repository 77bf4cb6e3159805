//! Definitions as a script for the stock client, which cuts statements at a delimiter and knows no other border.

use super::script;
use crate::domain::schema::{Counter, SchemaObject, SequenceState};
use crate::server::mysql::quote::qualified;

/// What every script begins with. What only one of the products knows is in a comment that only that one reads.
pub const PREAMBLE: &str = "SET NAMES utf8mb4;\nSET time_zone = '+00:00', sql_mode = 'NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES', foreign_key_checks = 0;\n\
                            SET SESSION innodb_strict_mode = 0;\n/*!80030 SET sql_generate_invisible_primary_key = 0 */;\n\n";

/// What puts a session back after an object that set something.
const BACK: &str = "SET NAMES utf8mb4;\nSET time_zone = '+00:00', sql_mode = 'NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES';\n";

/// An object as it stands in a script.
pub fn scripted(object: &SchemaObject) -> String {
    let (settings, statement) = script::split(&object.sql);
    let mut out: String = settings.iter().map(|line| format!("{line};\n")).collect();
    let statement = statement.trim_end();
    // Several statements that need no more than a semicolon each, as those of accounts, are lines of their own.
    let several = matches!(object.kind.as_str(), "ROLE" | "MEMBERSHIP") || (object.kind == "ACL" && statement.ends_with(';'));
    match statement.contains(';') && !several {
        true => {
            let mark = mark(statement);
            out.push_str(&format!("DELIMITER {mark}\n{statement}\n{mark}\nDELIMITER ;\n"));
        }
        false if statement.ends_with(';') => out.push_str(&format!("{statement}\n")),
        // A body may end in a line comment: the semicolon must not be part of it.
        false if statement.is_empty() => {}
        false => out.push_str(&format!("{statement}\n;\n")),
    }
    if !settings.is_empty() {
        out.push_str(BACK);
    }
    out.push('\n');
    out
}

/// A delimiter that the statement does not hold.
fn mark(statement: &str) -> String {
    let mut mark = String::from(";;");
    while statement.contains(&mark) {
        mark.push(';');
    }
    mark
}

/// What gives a sequence its value. `RESTART` names the next one, whatever was before.
pub fn sequence(state: &SequenceState) -> String {
    let name = qualified(&state.name);
    if state.counter == Counter::Table {
        return format!("ALTER TABLE {name} AUTO_INCREMENT = {};\n", state.last_value);
    }
    match state.is_called {
        true => format!("SELECT SETVAL({name}, {});\n", state.last_value),
        false => format!("ALTER SEQUENCE {name} RESTART WITH {};\n", state.last_value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_kept_together() {
        let object = |kind: &str, sql: &str| SchemaObject { kind: kind.into(), sql: sql.into(), ..SchemaObject::default() };
        let body = scripted(&object("PROCEDURE", "SET sql_mode = 'ANSI_QUOTES';\nCREATE PROCEDURE p() begin select ';;'; end"));
        assert!(body.starts_with("SET sql_mode = 'ANSI_QUOTES';\nDELIMITER ;;;\nCREATE PROCEDURE p() begin select ';;'; end\n;;;\nDELIMITER ;\nSET NAMES utf8mb4;"), "{body}");
        assert_eq!(scripted(&object("TABLE", "CREATE TABLE t (a int) -- x")), "CREATE TABLE t (a int) -- x\n;\n\n");
        assert_eq!(scripted(&object("ACL", "GRANT a TO b;\nGRANT c TO d;\n")), "GRANT a TO b;\nGRANT c TO d;\n\n");
    }
}

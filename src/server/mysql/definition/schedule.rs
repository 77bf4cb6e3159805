//! Whether an event runs by itself, as its definition says.

use super::lexer::{Token, words};
use super::script;

/// Whether an event's statements make one that is enabled. One whose words are not understood is taken for enabled.
pub fn is_enabled(sql: &str) -> bool {
    let (_, statement) = script::split(sql);
    // The server writes a state behind `ON COMPLETION … PRESERVE`; what follows DO is the event's own.
    let mut tokens = words(statement, script::quotes(sql)).map(|placed| placed.token).take_while(|token| !token.is("DO"));
    let state = tokens.by_ref().skip_while(|token| !token.is("PRESERVE")).find(|token| token.is("ENABLE") || token.is("DISABLE"));
    !state.is_some_and(|token: Token<'_>| token.is("DISABLE"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_state_of_its_own_disables_an_event() {
        let event = |rest: &str| format!("SET sql_mode = '';\nCREATE DEFINER=`a`@`b` EVENT `DISABLE` ON SCHEDULE EVERY 1 DAY {rest}");
        assert!(!is_enabled(&event("ON COMPLETION NOT PRESERVE DISABLE DO select 1")));
        assert!(!is_enabled(&event("ON COMPLETION PRESERVE DISABLE ON SLAVE COMMENT 'ENABLE' DO select 1")));
        assert!(is_enabled(&event("ON COMPLETION NOT PRESERVE ENABLE COMMENT 'DISABLE' DO select 1")));
        assert!(is_enabled(&event("DO begin select 'PRESERVE DISABLE'; end")));
    }
}

//! The account whose rights a view, routine, trigger or event runs with: `DEFINER = …` behind `CREATE`.

use super::account::Account;
use super::lexer::{Placed, Quotes, Token, words};
use crate::server::TargetChoices;
use std::ops::Range;

/// Words that can stand between `CREATE` and `DEFINER`; none is known to need more.
const AT_MOST: usize = 12;

/// The definer that a statement names, and where the whole clause stands, with the white space behind it.
pub fn definer(statement: &str, quotes: Quotes) -> Option<(Account, Range<usize>)> {
    let all: Vec<Placed<'_>> = words(statement, quotes).take(AT_MOST).collect();
    if !all.first()?.token.is("CREATE") {
        return None;
    }
    let at = all.iter().position(|placed| placed.token.is("DEFINER"))?;
    if all.get(at + 1)?.token != Token::Mark('=') {
        return None;
    }
    let (account, taken) = Account::parse(&all[at + 2..])?;
    let end = all.get(at + 1 + taken)?.to;
    let space = statement[end..].len() - statement[end..].trim_start().len();
    Some((account, all[at].from..end + space))
}

/// The statement as it is run: with its definer as it was, under another name, or without one.
pub fn chosen(statement: &str, quotes: Quotes, choices: &TargetChoices) -> String {
    let Some((account, place)) = definer(statement, quotes) else { return statement.to_owned() };
    let clause = match choices.no_owner {
        true => String::new(),
        false if account.is_mapped(&choices.map_roles) => format!("DEFINER={} ", account.mapped(&choices.map_roles).sql()),
        false => return statement.to_owned(),
    };
    format!("{}{clause}{}", &statement[..place.start], &statement[place.end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definer_is_kept_mapped_or_left_out() {
        let sql = "CREATE ALGORITHM=UNDEFINED DEFINER=`app`@`%` SQL SECURITY DEFINER VIEW `v` AS select 'DEFINER=`app`@`%`' AS `x`";
        let quotes = Quotes::default();
        let kept = TargetChoices::default();
        assert_eq!(chosen(sql, quotes, &kept), sql);
        let mapped = TargetChoices { map_roles: vec![("app@%".into(), "web".into())], ..TargetChoices::default() };
        assert!(chosen(sql, quotes, &mapped).starts_with("CREATE ALGORITHM=UNDEFINED DEFINER=`web`@`%` SQL SECURITY DEFINER VIEW"));
        let none = TargetChoices { no_owner: true, ..TargetChoices::default() };
        assert_eq!(
            chosen(sql, quotes, &none),
            "CREATE ALGORITHM=UNDEFINED SQL SECURITY DEFINER VIEW `v` AS select 'DEFINER=`app`@`%`' AS `x`"
        );
        let ansi = Quotes { ansi: true, ..Quotes::default() };
        assert_eq!(
            definer("CREATE DEFINER=\"a\"@\"b\" PROCEDURE \"p\"() begin end", ansi).map(|(one, _)| one.to_string()).as_deref(),
            Some("a@b")
        );
        assert_eq!(definer("CREATE TABLE `t` (`definer` int)", quotes), None);
    }
}

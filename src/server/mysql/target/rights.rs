//! May our user make what the definitions say: in the name of others, and where what is made gets into the binary log?

use super::conditions::few;
use crate::domain::spec::Binlog;
use crate::domain::{Code, Product, text};
use crate::server::mysql::definition::account::Account;
use crate::server::mysql::session::Session;
use crate::server::mysql::source::grants::Rights;
use crate::server::mysql::wire::Error;
use crate::server::{Condition, Demands, Verdict};

/// Rights to name another user as the definer: of MariaDB, of MySQL since 8.2, and of MySQL before.
const FOR_OTHERS: [&str; 4] = ["SUPER", "SET USER", "SET_ANY_DEFINER", "SET_USER_ID"];

/// What is asked of the server.
#[derive(Clone, Debug, Default)]
struct Known {
    product: Product,
    /// Who the server takes us for: `user@host`.
    user: String,
    /// Other users may be named as definers.
    for_others: bool,
    /// The server logs what we do, and takes functions and triggers only from users that it trusts: we are none of them.
    mistrusts: bool,
}

/// Looks at our user's rights.
pub async fn look(session: &mut Session, rights: &Rights, demands: &Demands) -> Result<Vec<Condition>, Error> {
    if demands.definers.is_empty() && !demands.code {
        return Ok(Vec::new());
    }
    let rows = session.query("SELECT CURRENT_USER(), @@log_bin, @@log_bin_trust_function_creators").await?;
    let row = rows.first();
    let logs = row.and_then(|row| row.number::<u8>(1)) == Some(1) && demands.binlog == Binlog::On;
    let trusts = row.and_then(|row| row.number::<u8>(2)) == Some(1);
    let known = Known {
        product: session.flavour().product,
        user: row.map(|row| row.owned(0)).unwrap_or_default(),
        for_others: FOR_OTHERS.iter().any(|right| rights.has(right)),
        mistrusts: logs && !trusts && !rights.has("SUPER"),
    };
    Ok(judge(&known, demands))
}

fn judge(known: &Known, demands: &Demands) -> Vec<Condition> {
    [definers(known, demands), trust(known, demands)].into_iter().flatten().collect()
}

/// Views, routines, triggers and events that run with the rights of others.
fn definers(known: &Known, demands: &Demands) -> Option<Condition> {
    let others: Vec<String> = demands.definers.iter().filter(|one| **one != known.user).map(|one| text::clean(one)).collect();
    if known.for_others || others.is_empty() {
        return None;
    }
    let user = text::clean(&known.user);
    let detail = format!("{user} may not make views, routines, triggers or events in the name of {}", few(&others));
    let right = if known.product == Product::Mariadb { "SET USER" } else { "SET_ANY_DEFINER, ALLOW_NONEXISTENT_DEFINER" };
    let account = Account::from_name(&known.user).sql();
    let cure =
        format!("Be their definer yourself: --no-owner. Or let somebody else: --map-role OLD=NEW; GRANT {right} ON *.* TO {account};");
    Some(Condition::of(Verdict::Obstacle(Code::PermissionDenied), "definers", detail, cure))
}

/// Functions and triggers, of which the server fears that they do something else on its replicas.
fn trust(known: &Known, demands: &Demands) -> Option<Condition> {
    if !known.mistrusts || !demands.code {
        return None;
    }
    let user = text::clean(&known.user);
    let detail =
        format!("{user} may not make functions and triggers while a binary log is written (log_bin_trust_function_creators is off)");
    let cure =
        "Let it, until the restore is done: SET GLOBAL log_bin_trust_function_creators = ON; or restore as a user with the right SUPER.";
    Some(Condition::of(Verdict::Obstacle(Code::PermissionDenied), "functions and triggers", detail, cure))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn what_the_server_would_refuse_is_said_with_its_cure() {
        let demands = Demands { definers: BTreeSet::from(["o'dd@%".to_owned(), "boss@h".to_owned()]), code: true, ..Demands::default() };
        let known = Known { product: Product::Mariadb, user: "o'dd@%".into(), mistrusts: true, ..Known::default() };
        let found = judge(&known, &demands);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].detail.ends_with("in the name of boss@h"), "{}", found[0].detail);
        assert!(found[0].cure.as_deref().is_some_and(|cure| cure.ends_with("GRANT SET USER ON *.* TO `o'dd`@`%`;")), "{found:?}");
        let may = Known { for_others: true, mistrusts: false, ..known.clone() };
        assert!(judge(&may, &demands).is_empty());
        let own = Demands { definers: BTreeSet::from(["o'dd@%".to_owned()]), ..Demands::default() };
        assert!(judge(&known, &own).is_empty(), "its own name, and nothing that the log could spread");
    }
}

//! What cures a cause: the failure's own steps, and commands where the name of what is missing says which.

use super::subject::{Kind, Subject};
use crate::domain::Fault;
use crate::domain::fault::Step;
use crate::domain::text;
use crate::engine::restore::preflight::package;

/// The steps that cure it.
pub fn steps(subject: &Subject, fault: Option<&Fault>, major: u32) -> Vec<Step> {
    let name = text::clean(&subject.name);
    let own = || fault.map(|fault| fault.steps.clone()).unwrap_or_default();
    match subject.kind {
        Kind::Extension => {
            vec![Step::run("Install its files on the server's host:", format!("apt-get install {}", package(&subject.name, major)))]
        }
        Kind::Library => {
            let extension = subject.name.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '-' | '.'));
            vec![Step::run("Install its package on the server's host:", format!("apt-get install {}", package(extension, major)))]
        }
        Kind::Role if fault.is_some_and(|fault| fault.code.is_missing()) => vec![
            Step::run("Create the role:", format!("createuser --no-login {}", quote(&name))),
            Step::run(
                "Or give what it owns to another one, or leave owners and rights out:",
                format!("--map-role {}=OTHER   or   --no-owner --no-acl", quote(&name)),
            ),
        ],
        Kind::Collation => {
            let mut steps =
                vec![Step::run("Make the locale on the server's host, then restart the server:", format!("locale-gen {}", quote(&name)))];
            steps.extend(own());
            steps
        }
        Kind::Archive => {
            let mut steps =
                vec![Step::words("Restore from another copy of the archive, or from an older backup: what is damaged cannot be read.")];
            steps.extend(own());
            steps
        }
        Kind::ServerDisk | Kind::Disk if own().is_empty() => vec![Step::words("Make room, or restore to a larger disk.")],
        _ => own(),
    }
}

/// A word that a shell takes as one.
fn quote(word: &str) -> String {
    shell_words::quote(word).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_named_for_the_servers_version() {
        assert_eq!(package("postgis", 15), "postgresql-15-postgis-3");
        assert!(package("hstore", 17).ends_with("postgresql-contrib"));
        assert_eq!(package("x; rm -rf /", 17), "postgresql-17-x--rm--rf--");
    }

    #[test]
    fn a_hostile_name_stays_one_word_of_a_command() {
        let fault = Fault::new(crate::domain::Code::MissingObject, "x");
        let subject = Subject { kind: Kind::Role, name: "a b;c".into() };
        let steps = steps(&subject, Some(&fault), 15);
        assert_eq!(steps[0].command.as_deref(), Some("createuser --no-login 'a b;c'"));
    }
}

//! Whom this process works for.

/// The user that the process runs as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The number, which nobody can choose.
    pub uid: u32,
    /// The name: what /etc/passwd says, or the number where it says nothing (other directories are not asked).
    pub name: String,
}

/// The user that the process runs as.
pub fn current() -> User {
    let uid = rustix::process::geteuid().as_raw();
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    User { uid, name: name(&passwd, uid).unwrap_or_else(|| uid.to_string()) }
}

/// A user of the host with the group that it belongs to first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The name.
    pub name: String,
    /// The user's number.
    pub uid: u32,
    /// The group's number.
    pub gid: u32,
}

/// A user by the name.
pub fn by_name(wanted: &str) -> Option<Account> {
    accounts(&std::fs::read_to_string("/etc/passwd").ok()?).into_iter().find(|account| account.name == wanted)
}

/// A user by the number.
pub fn by_id(uid: u32) -> Option<Account> {
    accounts(&std::fs::read_to_string("/etc/passwd").ok()?).into_iter().find(|account| account.uid == uid)
}

fn accounts(passwd: &str) -> Vec<Account> {
    let account = |line: &str| {
        let fields: Vec<&str> = line.split(':').collect();
        Some(Account { name: (*fields.first()?).to_owned(), uid: fields.get(2)?.parse().ok()?, gid: fields.get(3)?.parse().ok()? })
    };
    passwd.lines().filter_map(account).collect()
}

/// The name of a number (passwd(5): name, password, uid, …).
fn name(passwd: &str, uid: u32) -> Option<String> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_by_its_number() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\n\nbackup:x:34:34:backup:/var:/bin/sh\n";
        assert_eq!(name(passwd, 34).as_deref(), Some("backup"));
        assert_eq!(name(passwd, 3), None);
        assert!(!current().name.is_empty());
        let account = Account { name: "backup".to_owned(), uid: 34, gid: 34 };
        assert_eq!(accounts(passwd).get(1), Some(&account));
        assert_eq!(by_id(0).map(|account| account.uid), Some(0));
    }
}

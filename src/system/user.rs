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
    }
}

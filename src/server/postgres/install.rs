//! Finds the programs of a server: `postgres` and `pg_ctl` of exactly the major version that a data directory is of.

use super::program;
use crate::domain::{Code, Fault};
use std::path::{Path, PathBuf};

/// An installed server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    /// The folder of its programs.
    pub bin: PathBuf,
    /// `15.18`.
    pub version: String,
    /// 15.
    pub major: u32,
}

impl Installation {
    /// The path of one of its programs.
    pub fn program(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }
}

/// Looks for a server of a major version: in the folder given, else where PostgreSQL's programs are looked for. No other version will do:
/// files of one major version are not read by another.
pub async fn find(given: Option<&Path>, major: u32) -> Result<Installation, Fault> {
    let folders = match given {
        Some(dir) => vec![dir.to_owned()],
        None => program::folders(&[]),
    };
    let mut others = Vec::new();
    for bin in folders {
        let server = bin.join("postgres");
        if !server.is_file() || !bin.join("pg_ctl").is_file() {
            continue;
        }
        let Some(tool) = program::ask(&server).await? else { continue };
        if tool.major == major {
            return Ok(Installation { bin, version: tool.version, major });
        }
        others.push(format!("{} is {}", server.display(), tool.version));
    }
    let code = if others.is_empty() { Code::ToolMissing } else { Code::VersionUnsupported };
    let mut fault = Fault::new(code, format!("no server of PostgreSQL {major}"));
    fault.causes = match (others.is_empty(), given) {
        (false, _) => others,
        (true, Some(dir)) => vec![format!("{} holds no postgres and pg_ctl", dir.display())],
        (true, None) => vec!["no postgres with pg_ctl beside it was found".to_owned()],
    };
    let install = if Path::new("/etc/redhat-release").exists() {
        format!("dnf install postgresql{major}-server")
    } else if Path::new("/etc/alpine-release").exists() {
        format!("apk add postgresql{major}")
    } else {
        format!("apt-get install postgresql-{major}")
    };
    Err(fault
        .step_run(format!("Install PostgreSQL {major}; files of one major version are not read by another:"), install)
        .step("Or name the folder of its programs: --bin-dir /usr/lib/postgresql/N/bin."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[tokio::test]
    async fn only_the_very_major_version_will_do() {
        let dir = tempfile::tempdir().expect("a folder");
        for name in ["postgres", "pg_ctl"] {
            let path = dir.path().join(name);
            std::fs::write(&path, "#!/bin/sh\necho 'postgres (PostgreSQL) 16.3'\n").expect("a file");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).expect("rights");
        }
        assert_eq!(find(Some(dir.path()), 16).await.expect("a server").version, "16.3");
        let other = find(Some(dir.path()), 15).await.expect_err("another version");
        assert_eq!((other.code, other.causes[0].ends_with("is 16.3")), (Code::VersionUnsupported, true));
        std::fs::remove_file(dir.path().join("pg_ctl")).expect("it is there");
        assert_eq!(find(Some(dir.path()), 16).await.expect_err("nothing to start it with").code, Code::ToolMissing);
    }
}

//! What tests stand on: private servers, the built program, folders, terminals.

pub mod cluster;
pub mod compare;
pub mod mysql;
pub mod mysql_model;
pub mod mysql_zoo;
pub mod pgbouncer;
pub mod postgres;
pub mod program;
pub mod proxy;
pub mod rewritten;
pub mod zoo;

/// Waits until something is true that becomes so by itself; fails with `otherwise` when it takes far longer than it can.
pub fn eventually(otherwise: &str, mut condition: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while !condition() {
        assert!(std::time::Instant::now() < deadline, "{otherwise}");
    }
}

/// A shell that outlives this process just long enough for what its script does after `read`: the pipe to it ends with this value, however
/// the process ends.
fn leashed(script: &str) -> std::process::Child {
    use std::process::{Command, Stdio};
    let mut shell = Command::new("sh");
    shell.args(["-c", script]).current_dir("/").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    shell.spawn().expect("sh")
}

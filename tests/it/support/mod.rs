//! What tests stand on: private servers, the built program, folders, terminals.

pub mod cluster;
pub mod compare;
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

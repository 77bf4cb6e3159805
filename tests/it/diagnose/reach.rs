//! Servers that are not reached: which step failed, and why, within the limit.

use super::{Home, alone, finding, report, rule};
use crate::support::postgres::{Postgres, server};
use crate::support::program;
use dbbackup::domain::diagnosis::{HopStep, Occasion};
use std::net::TcpListener;

/// A network into which everything vanishes, and a name server in it; then the program.
const VOID: &str = "ip tuntap add dev void mode tun && ip addr add 192.0.2.1/24 dev void && ip link set void up || exit 99; \
                    echo nameserver 192.0.2.53 >\"$HOME/resolv\"; mount --bind \"$HOME/resolv\" /etc/resolv.conf || exit 98; exec \"$@\"";

#[test]
fn nothing_listens_and_no_configuration_is_needed() {
    let home = Home::new();
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port().to_string();
    let diagnosis = report(program::run(&mut home.diagnose(&["--host", "127.0.0.1", "--port", &closed])));
    assert_eq!((rule(&diagnosis), diagnosis.occasion), ("nothing-listens", Occasion::Demand));
    let reach = &diagnosis.server.as_ref().expect("a server").reach;
    assert_eq!(reach.iter().map(|hop| hop.step).collect::<Vec<_>>(), [HopStep::Resolve, HopStep::Connect]);
    assert!(finding(&diagnosis, "connect failed").code.is_some());
    // As text, and into a file.
    let file = home.path().join("report.txt").display().to_string();
    let args = ["diagnose", "--host", "127.0.0.1", "--port", &closed, "--output", &file];
    let outcome = program::run(&mut program::dbbackup(home.path(), &args)).ok();
    assert_eq!(outcome.stdout.trim_end(), file);
    let text = std::fs::read_to_string(&file).expect("the report");
    assert!(text.contains("Error Type: CRITICAL\nCategory: network\nSeverity: 2/3\n"), "{text}");
    assert!(text.contains(&format!("Reachability: connect of 127.0.0.1:{closed} failed")), "{text}");
}

#[test]
fn a_configuration_that_cannot_be_read_is_what_is_wrong() {
    let home = Home::new();
    let file = home.path().join("broken.toml").display().to_string();
    std::fs::write(&file, "[connection\n").expect("written");
    let diagnosis = report(program::run(&mut home.diagnose_on(server(15), &["--config", &file])));
    assert_eq!(diagnosis.error.expect("an error").code.as_str(), "CONFIG");
    assert!(diagnosis.server.expect("a server").about.known().is_some(), "the flags hold without it");
}

#[test]
fn the_way_to_a_server_has_four_steps_with_times() {
    let home = Home::new();
    let server = server(17);
    let port = server.port.to_string();
    let mut command = home.diagnose(&["--host", "localhost", "--port", &port, "--user", "postgres"]);
    let diagnosis = report(program::run(command.env("PATH", format!("{}:/usr/bin:/bin", server.bin.display()))));
    let facts = diagnosis.server.expect("a server");
    let steps: Vec<HopStep> = facts.reach.iter().map(|hop| hop.step).collect();
    assert_eq!(steps, [HopStep::Resolve, HopStep::Connect, HopStep::Tls, HopStep::Login], "{:?}", facts.reach);
    assert!(facts.reach.iter().all(|hop| hop.outcome.known().is_some()));
    let about = facts.about.known().expect("it was reached");
    assert_eq!((about.version_num / 10_000, about.locks.per_transaction, about.locks.max_prepared), (17, 256, 4));
    assert_eq!(about.locks.capacity(), 256 * 104);
    assert!(facts.local && facts.connections.known().is_some_and(|used| *used > 0));
    assert!(facts.tool.known().is_some_and(|tool| tool.starts_with("pg_dump ")), "{:?}", facts.tool);
    let data = diagnosis.host.disks.iter().find(|disk| disk.holds("data directory"));
    assert!(data.is_some_and(|disk| disk.usage.known().is_some()), "{:?}", diagnosis.host.disks);
    // A socket needs neither name nor encryption.
    let diagnosis = report(program::run(&mut home.diagnose_on(server, &[])));
    let steps: Vec<HopStep> = diagnosis.server.expect("a server").reach.iter().map(|hop| hop.step).collect();
    assert_eq!(steps, [HopStep::Connect, HopStep::Login]);
}

#[test]
fn what_accepts_and_never_answers_is_waited_for_within_the_limit() {
    let home = Home::new();
    let mute = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = mute.local_addr().expect("an address").port().to_string();
    let diagnosis = report(program::run(&mut home.diagnose(&["--host", "127.0.0.1", "--port", &port])));
    assert_eq!(rule(&diagnosis), "never-answers");
    assert!(diagnosis.took_ms > 4000, "it was given time: {} ms", diagnosis.took_ms);
    assert!(diagnosis.host.memory.known().is_some(), "what can be known is known");
}

#[test]
fn packets_that_vanish_and_a_resolver_that_hangs_are_told_apart() {
    let home = Home::new();
    for (host, wanted, step) in [("192.0.2.9", "no-answer", HopStep::Connect), ("db.example.com", "name-unknown", HopStep::Resolve)] {
        let args = [env!("CARGO_BIN_EXE_dbbackup"), "diagnose", "--json", "--host", host];
        let diagnosis = report(program::run(&mut alone(&home, VOID, &args)));
        assert_eq!(rule(&diagnosis), wanted);
        let broken = diagnosis.server.as_ref().and_then(|server| server.broken().cloned()).expect("it is not reached");
        assert_eq!(broken.step, step);
        assert!(broken.outcome.why().is_some_and(|why| why.starts_with("no answer within")), "{broken:?}");
    }
}

#[test]
fn a_server_that_was_stopped() {
    let home = Home::new();
    let server = Postgres::start(15, "");
    assert!(report(program::run(&mut home.diagnose_on(&server, &[]))).server.expect("a server").about.known().is_some());
    server.stop_now();
    // The socket's file goes with the server, or stays without a listener.
    let stopped = || report(program::run(&mut home.diagnose_on(&server, &[])));
    let mut diagnosis = stopped();
    while diagnosis.server.as_ref().is_some_and(|server| server.broken().is_none()) {
        diagnosis = stopped();
    }
    assert!(["nothing-listens", "not-ready"].contains(&rule(&diagnosis)), "{diagnosis:?}");
}

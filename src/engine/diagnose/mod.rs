//! The report: what state host and server are in, what of it wants attention, and why something failed.
//!
//! Collects everything at the same time and within a limit, whatever hangs; draws conclusions by thresholds and rules. Knows no screen, and
//! changes nothing but the folder of reports.

mod classify;
mod collect;
mod findings;
#[cfg(test)]
mod layout_tests;
mod rules;
mod shelf;
mod words;

pub use classify::fault as fault_of;
pub use collect::{LIMIT, Subject, Use};
pub use shelf::{KEPT, Shelf, read};

use crate::domain::diagnosis::{Diagnosis, FORMAT, Occasion, ServerFacts, Trouble};
use crate::domain::{Code, Fault, Stamp};
use jiff::Zoned;

/// The use of the disk that has the server's data.
pub(crate) const DATA: &str = "data directory";

/// Collects a report, within [`LIMIT`].
pub async fn diagnose(subject: Subject, fault: Option<&Fault>) -> Diagnosis {
    let began = tokio::time::Instant::now();
    let (host, server) = collect::collect(subject).await;
    let now = Zoned::now();
    let diagnosis = Diagnosis {
        version: FORMAT,
        tool: env!("CARGO_PKG_VERSION").to_owned(),
        generated_ms: Stamp(now.timestamp().as_millisecond()),
        generated: now.strftime("%Y-%m-%d %H:%M:%S %Z").to_string(),
        took_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        occasion: if fault.is_some() { Occasion::Failure } else { Occasion::Demand },
        error: fault.map(Into::into).or_else(|| unreached(server.as_ref()?)),
        root_cause: None,
        host,
        server,
        findings: Vec::new(),
    };
    judge(diagnosis)
}

/// What failed when nothing else did: the way to the server.
fn unreached(server: &ServerFacts) -> Option<Trouble> {
    let hop = server.broken()?;
    let fault = Fault::new(hop.code.unwrap_or(Code::ServerUnavailable), format!("cannot connect to {}", server.address));
    let fault = fault.because(hop.outcome.why().unwrap_or_default()).at("Step", hop.step.words());
    Some((&hop.sqlstate.iter().fold(fault, |fault, state| fault.with_sqlstate(state))).into())
}

/// Draws the conclusions from what was collected.
pub fn judge(mut diagnosis: Diagnosis) -> Diagnosis {
    diagnosis.findings = findings::find(&diagnosis);
    diagnosis.root_cause = rules::root_cause(&diagnosis);
    diagnosis
}

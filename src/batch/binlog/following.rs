//! `dbbackup binlog archive`: a line for what happens, now and then one that says how far it is, until it is stopped.

use super::dir;
use crate::batch::query::{self, Form};
use crate::batch::{output, settings};
use crate::config::layers::Resolved;
use crate::config::secrets::Secrets;
use crate::config::settings::Key;
use crate::domain::text::clean;
use crate::domain::time::span;
use crate::domain::{Bytes, Code, Codec, Compression, Fault};
use crate::engine::binlog::archive::{self, Done, Lag, News, Order};
use crate::server::binlog::Follow;
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// How often a line says how far it is.
const PACE: Duration = Duration::from_secs(10);

/// Follows the log; gives the exit code.
pub fn run(once: bool, resolved: &Resolved, secrets: &Secrets, form: Form) -> u8 {
    let mut lines = Lines { form, quiet: resolved.switch(Key::Quiet), told: None };
    let ended = order(once, resolved).and_then(|order| {
        let dir = order.dir.clone();
        let done = query::connect(resolved, secrets, async |server| {
            let cancel = CancellationToken::new();
            let _stopping = listen(&cancel)?;
            archive::run(&server, &order, &cancel, &mut |news| lines.tell(&news)).await
        })?;
        lines.end(&done);
        match done.gaps.first() {
            Some(gap) if once => Err(archive::gap_fault(&dir, gap)),
            _ => Ok(()),
        }
    });
    settings::finish(ended.map(|()| String::new()), "Archiving ended")
}

fn order(once: bool, resolved: &Resolved) -> Result<Order, Fault> {
    let written = resolved.text(Key::BinlogCompression).unwrap_or("zstd");
    let wrong = |why: String| Fault::new(Code::Usage, "binary logs cannot be compressed so").at("Compression", written).because(why);
    let compression: Compression = written.parse().map_err(wrong)?;
    if compression.codec == Codec::Xz {
        return Err(wrong("xz takes minutes for a file, and the archive would fall behind; use zstd, gzip, lz4 or none".to_owned()));
    }
    Ok(Order { dir: dir(resolved)?, compression, follow: if once { Follow::Once } else { Follow::Ever } })
}

/// Ends it in good order at the first signal, and at once at the second.
fn listen(cancel: &CancellationToken) -> Result<tokio_util::task::AbortOnDropHandle<()>, Fault> {
    let listening = |kind| signal(kind).map_err(|error| Fault::internal("cannot listen to signals").because(error));
    let (mut interrupt, mut terminate, mut hangup) =
        (listening(SignalKind::interrupt())?, listening(SignalKind::terminate())?, listening(SignalKind::hangup())?);
    let cancel = cancel.clone();
    Ok(tokio_util::task::AbortOnDropHandle::new(tokio::spawn(async move {
        loop {
            let exit = tokio::select! {
                _ = interrupt.recv() => 130,
                _ = terminate.recv() => 143,
                _ = hangup.recv() => 143,
            };
            if cancel.is_cancelled() {
                std::process::exit(exit);
            }
            cancel.cancel();
        }
    })))
}

/// What is printed: lines for people on stderr, for programs on stdout.
struct Lines {
    form: Form,
    quiet: bool,
    /// When how far it is was told last, and what.
    told: Option<(Instant, Lag)>,
}

impl Lines {
    fn tell(&mut self, news: &News) {
        let (event, text, more) = match news {
            News::Following(place) => {
                ("following", format!("following the server's log from {place}"), serde_json::json!({ "place": place.to_string() }))
            }
            News::Progress(lag) => return self.progress(lag),
            News::Sealed(log, plain, stored) => {
                tracing::info!(target: "dbbackup::engine", "{log} is archived");
                let saved = if plain.0 > 0 { 100.0 - stored.0 as f64 * 100.0 / plain.0 as f64 } else { 0.0 };
                (
                    "archived",
                    format!("{log} is archived: {plain}, {stored} stored ({saved:.0} % saved)"),
                    serde_json::json!({ "log": log, "bytes": plain, "stored": stored }),
                )
            }
            News::Gap(gap) => {
                tracing::warn!(target: "dbbackup::engine", first = %gap.first, last = %gap.last, "the server removed logs before they were archived");
                // Said even to who wants errors only: it is one.
                let fault = archive::gap_fault(std::path::Path::new("."), gap);
                let mut text = format!("GAP: {}", fault.what);
                for step in &fault.steps {
                    text.push_str(&format!("\ndbbackup binlog archive: to fix: {}", clean(&step.to_string())));
                }
                self.print("gap", &text, serde_json::json!({ "gap": gap }));
                return;
            }
            News::Trouble(fault, wait) => {
                tracing::warn!(target: "dbbackup::engine", %fault, "archiving is interrupted");
                let why = fault.causes.iter().map(|cause| format!(": {}", clean(cause))).collect::<String>();
                let text = format!("{}: {}{why}; trying again in {} s", fault.code.as_str(), clean(&fault.what), wait.as_secs());
                self.print("trouble", &text, serde_json::json!({ "fault": fault, "wait_seconds": wait.as_secs() }));
                return;
            }
        };
        if !self.quiet {
            self.print(event, &text, more);
        }
    }

    fn progress(&mut self, lag: &Lag) {
        if self.quiet || self.told.as_ref().is_some_and(|(at, _)| at.elapsed() < PACE) {
            return;
        }
        if self.told.as_ref().is_some_and(|(_, told)| told == lag) {
            return;
        }
        self.told = Some((Instant::now(), lag.clone()));
        let behind = match (lag.bytes, lag.seconds) {
            (Bytes(0), _) => "at the end of the log".to_owned(),
            (bytes, seconds) => format!("{bytes} and {} behind", span(seconds.saturating_mul(1000))),
        };
        let text = format!("{} is archived, {behind} ({} received)", lag.place, lag.received);
        let more = serde_json::json!({
            "place": lag.place.to_string(), "received": lag.received, "behind_bytes": lag.bytes, "behind_seconds": lag.seconds,
        });
        self.print("progress", &text, more);
    }

    fn end(&self, done: &Done) {
        if self.quiet {
            return;
        }
        let place = done.place.as_ref().map(ToString::to_string);
        let upto = place.as_ref().map_or_else(|| "nothing is archived".to_owned(), |place| format!("archived up to {place}"));
        let text = format!("ended: {upto}, {} files made whole, {} received", done.sealed, Bytes(done.received));
        self.print(
            "ended",
            &text,
            serde_json::json!({ "place": place, "sealed": done.sealed, "received": done.received, "gaps": done.gaps }),
        );
    }

    fn print(&self, event: &str, text: &str, mut more: serde_json::Value) {
        match self.form {
            Form::Text => output::diagnostic(&format!("dbbackup binlog archive: {text}\n")),
            Form::Json => {
                more["event"] = event.into();
                more["time"] = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string().into();
                // A reader that is gone does not end the archiving.
                let _ = output::result(&format!("{more}\n"));
            }
        }
    }
}

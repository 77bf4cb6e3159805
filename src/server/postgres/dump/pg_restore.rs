//! Has pg_restore restore an archive, in as many runs as its order needs. What it says is understood elsewhere.

use super::Form;
use super::messages::{Listener, Said};
use super::passes::{Pass, passes};
use super::script::conninfo;
use super::tools::{Ended, Group, Order, Parts, end_sessions, lines, outcome};
use crate::domain::{Code, Fault};
use crate::server::postgres::connect::Connector;
use crate::server::postgres::program;
use std::process::Stdio;
use tokio::io::AsyncWriteExt;
use tokio_util::sync::CancellationToken;

/// One run after the other; what an earlier one went over is told with the rest.
pub(super) async fn pg_restore(
    connector: &Connector,
    order: &Order<'_>,
    says: &mut (dyn FnMut(Said) + Send),
    cancel: &CancellationToken,
) -> Result<Ended, Fault> {
    let mut all = Ended::default();
    for pass in passes(order.items, order.parts, order.jobs) {
        let ended = one_pass(connector, order, &pass, says, cancel).await?;
        all.faults.extend(ended.faults);
    }
    Ok(all)
}

async fn one_pass(
    connector: &Connector,
    order: &Order<'_>,
    pass: &Pass,
    says: &mut (dyn FnMut(Said) + Send),
    cancel: &CancellationToken,
) -> Result<Ended, Fault> {
    let mut command = program::command(connector, order.tool, order.database);
    command.args(["--verbose", "--no-password"]).arg(format!("--dbname={}", conninfo(order.database)));
    command.arg(match order.form {
        Form::Custom => "--format=custom",
        Form::Tar => "--format=tar",
        _ => "--format=directory",
    });
    if pass.jobs > 1 && order.form != Form::Tar {
        command.arg(format!("--jobs={}", pass.jobs));
    }
    if pass.list.is_some() {
        command.arg("--use-list=/dev/stdin").stdin(Stdio::piped());
    }
    if !order.go_on {
        command.arg("--exit-on-error");
    }
    match order.parts {
        Parts::All => {}
        Parts::Schema => {
            command.arg("--schema-only");
        }
        Parts::Data => {
            command.arg("--data-only");
        }
    }
    command.args(&order.without).arg(order.file).env("PGAPPNAME", order.mark).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| program::cannot_run(order.tool, &error))?;
    let group = Group::of(&child);
    let stderr = child.stderr.take().ok_or_else(|| Fault::internal("a pipe that was asked for is not there"))?;
    let mut stdin = child.stdin.take();
    let tell = async {
        if let (Some(pipe), Some(list)) = (&mut stdin, &pass.list) {
            // Once it has ended there is nobody to write to; it says itself why.
            let _ = pipe.write_all(list.as_bytes()).await;
        }
        stdin = None;
    };
    let mut listener = Listener::new(order.items);
    let said = lines(stderr, |line| listener.pg_restore(line, says));
    let done = tokio::select! {
        biased;
        () = cancel.cancelled() => false,
        _ = async { tokio::join!(tell, said) } => true,
    };
    if !done {
        group.stop(&mut child).await;
        end_sessions(connector, order.mark).await;
        return Err(Fault::new(Code::Cancelled, "cancelled"));
    }
    let status = child.wait().await.map_err(|error| Fault::new(Code::Io, "cannot wait for pg_restore").because(error))?;
    drop(group);
    let count = listener.count;
    let faults = listener.faults("pg_restore");
    outcome(connector, order.tool, order.database, status, faults, count, order.go_on)
}

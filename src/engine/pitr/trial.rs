//! Runs an archive command on a sample as the server will: as its user, by a shell, from another folder. The sample goes into a folder of its own within the
//! archive, which is removed afterwards.

use crate::domain::text::clean;
use crate::domain::wal::{ArchiveFolder, Segment, Timeline};
use crate::domain::{Code, Fault};
use crate::engine::wal::identity::Identity;
use crate::engine::wal::quoted;
use crate::server::postgres::wal::header::LENGTH;
use crate::storage::io_fault;
use rustix::process::{Pid, Signal, kill_process_group};
use std::fs::{DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, lchown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt;
use tokio::runtime::Handle;

/// How long the command may take.
const LIMIT: Duration = Duration::from_secs(60);

/// The most of what it says that is heard, in bytes.
const HEARD: u64 = 64 << 10;

/// The folder of a trial; it goes when this does.
struct Room(PathBuf);

impl Drop for Room {
    fn drop(&mut self) {
        // What stays is seen as a stranger, and goes by hand.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Runs the command; says in words what came of it.
pub fn run(folder: &ArchiveFolder, command: &str) -> Result<String, Fault> {
    let room = Room(folder.dir.join(format!(".dbbackup-trial-{}", uuid::Uuid::now_v7().simple())));
    let cannot = |error: io::Error| io_fault("cannot make a folder for a trial in the archive", &room.0, &error);
    let (uid, gid) = folder.owner;
    let is_root = rustix::process::geteuid().is_root();
    let give = |path: &Path| if is_root { lchown(path, Some(uid), Some(gid)) } else { Ok(()) };
    let (archive, log) = (room.0.join("archive"), room.0.join("pg_wal"));
    for dir in [&room.0, &archive, &log] {
        DirBuilder::new().mode(0o700).create(dir).and_then(|()| give(dir)).map_err(cannot)?;
    }
    let own = Identity::new(folder.system_identifier, folder.segment_size);
    own.write(&archive)?;
    give(&archive.join(crate::engine::wal::identity::FILE)).map_err(cannot)?;
    let name = Segment { timeline: Timeline(1), number: 1 }.name(folder.segment_size).to_string();
    let sample = log.join(&name);
    write_sample(&sample, folder).and_then(|()| give(&sample)).map_err(cannot)?;
    let text = filled(command, folder, &name, &archive);
    let began = Instant::now();
    ended(&text, &room.0, is_root.then_some((uid, gid)), LIMIT).map_err(|why| {
        Fault::new(Code::Config, "the archive command does not work, and nothing was changed on the server")
            .at("Command", clean(&text))
            .because(clean(why.trim()))
            .step("Run it by hand as the server's user, and mend what it says.")
            .step_run(
                "Most often the program may not be run by that user. See each folder on the way to it:",
                format!("namei -l {}", program(command)),
            )
    })?;
    let stored =
        std::fs::read_dir(&archive).map_err(cannot)?.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(&name));
    let bytes: u64 = stored.filter_map(|entry| entry.metadata().ok()).map(|meta| meta.len()).sum();
    if bytes == 0 {
        return Err(Fault::new(Code::Config, "the command ended well and archived nothing").at("Command", clean(&text)));
    }
    Ok(format!("the command archived a sample of {} MiB in {} ms", folder.segment_size.bytes() >> 20, began.elapsed().as_millis()))
}

/// A segment with nothing but its header.
fn write_sample(path: &Path, folder: &ArchiveFolder) -> io::Result<()> {
    let mut head = [0; LENGTH];
    // The magic is that of version 15; any is good that a server writes.
    head[..8].copy_from_slice(&[0x10, 0xD1, 0x06, 0, 1, 0, 0, 0]);
    head[8..16].copy_from_slice(&folder.segment_size.bytes().to_le_bytes());
    head[24..32].copy_from_slice(&folder.system_identifier.to_le_bytes());
    head[32..36].copy_from_slice(&u32::from(folder.segment_size).to_le_bytes());
    head[36..].copy_from_slice(&8192u32.to_le_bytes());
    let mut file = File::create_new(path)?;
    file.write_all(&head)?;
    file.set_len(folder.segment_size.bytes())
}

/// The command with what the server fills in, and the trial's archive in place of the real one.
fn filled(command: &str, folder: &ArchiveFolder, name: &str, archive: &Path) -> String {
    let real = quoted(&folder.dir).replace('%', "%%");
    let mut command = command.to_owned();
    if let Some(at) = command.rfind(&real) {
        command.replace_range(at..at + real.len(), &quoted(archive).replace('%', "%%"));
    }
    let mut out = String::new();
    let mut rest = command.chars();
    while let Some(c) = rest.next() {
        match (c, if c == '%' { rest.next() } else { None }) {
            ('%', Some('p')) => out.extend(["pg_wal/", name]),
            ('%', Some('f')) => out.push_str(name),
            ('%', Some('%')) => out.push('%'),
            ('%', other) => out.extend(['%'].into_iter().chain(other)),
            (c, _) => out.push(c),
        }
    }
    out
}

/// The word of a command that names the program.
fn program(command: &str) -> &str {
    command.split(" wal archive ").next().unwrap_or(command)
}

/// Whether the server's user can make files in the folder.
pub fn writable(folder: &ArchiveFolder) -> Result<(), Fault> {
    let user = rustix::process::geteuid().is_root().then_some(folder.owner);
    let dir = quoted(&folder.dir);
    ended(&format!("test -w {dir} && test -x {dir}"), Path::new("/"), user, LIMIT).map_err(|_| {
        Fault::new(Code::OutputUnwritable, "the server's user cannot write to the folder for the archive, and nothing was changed")
            .at("Folder", folder.dir.display())
            .at("User", folder.owner.0)
            .step_run(
                "Give it to the server's user, if nobody else uses it:",
                format!("chown {}:{} {dir} && chmod 700 {dir}", folder.owner.0, folder.owner.1),
            )
    })
}

/// Runs a line of shell as a user to its end; the error says how it ended. Runs on a thread on which the runtime lets work block.
fn ended(text: &str, dir: &Path, user: Option<(u32, u32)>, limit: Duration) -> Result<(), String> {
    // The server's environment is not ours: nothing of a person's settings may make the difference.
    let mut command = Command::new("/bin/sh");
    command.args(["-c", text]).env_clear().env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin").env("HOME", dir);
    command.current_dir(dir).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).process_group(0);
    if let Some((uid, gid)) = user {
        command.uid(uid).gid(gid);
    }
    // The threads that run trials are those on which the runtime lets work block, so that waiting on it is allowed here.
    let (status, said) = Handle::current().block_on(async {
        let mut child = tokio::process::Command::from(command).spawn().map_err(|error| error.to_string())?;
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let pipe = child.stderr.take();
        let heard = async {
            let mut said = Vec::new();
            if let Some(pipe) = pipe {
                // What cannot be read says nothing.
                let _ = pipe.take(HEARD).read_to_end(&mut said).await;
            }
            String::from_utf8_lossy(&said).into_owned()
        };
        // Both within the limit: a process that the command leaves behind may hold its output open for ever.
        let ended = tokio::time::timeout(limit, async { tokio::join!(child.wait(), heard) }).await;
        if ended.is_err() {
            if let Some(group) = group {
                let _ = kill_process_group(group, Signal::KILL);
            }
            let _ = child.wait().await;
        }
        let (status, said) = ended.map_err(|_| format!("it did not end within {} s", limit.as_secs_f64()))?;
        status.map(|status| (status, said)).map_err(|error| error.to_string())
    })?;
    if status.success() { Ok(()) } else { Err(format!("it ended with {status}: {said}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(text: &'static str, limit: Duration) -> Result<(), String> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        runtime.block_on(async { tokio::task::spawn_blocking(move || ended(text, Path::new("/"), None, limit)).await.expect("no panic") })
    }

    #[test]
    fn how_a_command_ended_is_told_with_what_it_said() {
        assert_eq!(run("exit 0", LIMIT), Ok(()));
        let told = run("echo no room >&2; exit 3", LIMIT).expect_err("it fails");
        assert!(told.contains("status: 3") && told.contains("no room"), "{told}");
    }

    #[test]
    fn what_does_not_end_or_leaves_its_output_open_is_stopped_at_the_limit() {
        for text in ["sleep 1000", "sleep 1000 & exit 0"] {
            let began = Instant::now();
            assert_eq!(run(text, Duration::from_millis(200)), Err("it did not end within 0.2 s".to_owned()), "{text}");
            assert!(began.elapsed() < Duration::from_secs(20), "{text}");
        }
    }
}

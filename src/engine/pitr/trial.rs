//! Runs an archive command on a sample as the server will: as its user, by a shell, from another folder. The sample goes into a folder of its own within the
//! archive, which is removed afterwards.

use crate::domain::text::clean;
use crate::domain::wal::{ArchiveFolder, Segment, Timeline};
use crate::domain::{Code, Fault};
use crate::engine::wal::identity::Identity;
use crate::engine::wal::quoted;
use crate::server::postgres::wal::header::LENGTH;
use crate::storage::io_fault;
use std::fs::{DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, lchown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long the command may take.
const LIMIT: Duration = Duration::from_secs(60);

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
    ended(&text, &room.0, is_root.then_some((uid, gid))).map_err(|why| {
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
    ended(&format!("test -w {dir} && test -x {dir}"), Path::new("/"), user).map_err(|_| {
        Fault::new(Code::OutputUnwritable, "the server's user cannot write to the folder for the archive, and nothing was changed")
            .at("Folder", folder.dir.display())
            .at("User", folder.owner.0)
            .step_run(
                "Give it to the server's user, if nobody else uses it:",
                format!("chown {}:{} {dir} && chmod 700 {dir}", folder.owner.0, folder.owner.1),
            )
    })
}

/// Runs a line of shell as a user to its end; the error says how it ended.
fn ended(text: &str, dir: &Path, user: Option<(u32, u32)>) -> Result<(), String> {
    // The server's environment is not ours: nothing of a person's settings may make the difference.
    let mut command = Command::new("/bin/sh");
    command.args(["-c", text]).env_clear().env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin").env("HOME", dir);
    command.current_dir(dir).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).process_group(0);
    if let Some((uid, gid)) = user {
        command.uid(uid).gid(gid);
    }
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    let pipe = child.stderr.take();
    let reader = std::thread::spawn(move || {
        let mut said = String::new();
        if let Some(pipe) = pipe {
            // What is no text, or cannot be read, says nothing.
            let _ = io::Read::read_to_string(&mut io::Read::take(pipe, 64 << 10), &mut said);
        }
        said
    });
    let deadline = Instant::now() + LIMIT;
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(5)),
            Ok(None) => {
                if let Some(group) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
                    let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
                }
                let _ = child.wait();
                return Err(format!("it did not end within {} s", LIMIT.as_secs()));
            }
            Err(error) => return Err(error.to_string()),
        }
    };
    let said = reader.join().unwrap_or_default();
    if status.success() { Ok(()) } else { Err(format!("it ended with {status}: {said}")) }
}

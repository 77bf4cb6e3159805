//! The report as text, in the layout that people and scripts know. What is as it should be adds no line to it.

use super::gauge::{self, Level, level, size};
use super::{Diagnosis, Finding, Occasion};
use crate::domain::fault::Step;
use crate::domain::size::grouped;
use crate::domain::text::clean;
use crate::domain::time::span;

/// The rule above and below.
const RULE: &str = "═══════════════════════════════════════════════════════════";

/// The width at which sentences are broken, without the margin.
const WIDTH: usize = 64;

/// The report.
pub fn render(diagnosis: &Diagnosis) -> String {
    let mut out = Paper(String::new());
    out.0.push_str(&format!("{RULE}\n  DBBACKUP ERROR DIAGNOSTICS REPORT\n{RULE}\n\n"));
    head(diagnosis, &mut out);
    out.title("Root Cause");
    match (&diagnosis.root_cause, diagnosis.findings.first()) {
        (Some(cause), _) => out.sentence(&cause.text),
        (None, Some(finding)) if diagnosis.error.is_none() => out.sentence(&finding.title),
        (None, _) if diagnosis.error.is_some() => {
            out.sentence("Nothing in the environment explains it: the message above says what is known.")
        }
        (None, _) => out.sentence("Nothing is wrong, as far as can be seen."),
    }
    system(diagnosis, &mut out);
    database(diagnosis, &mut out);
    if diagnosis.occasion == Occasion::Demand {
        further(diagnosis, &mut out);
    }
    recommendations(diagnosis, &mut out);
    out.title("Suggested Action");
    out.sentence(&action(diagnosis));
    out.0.push_str(&format!("\n{RULE}\nReport generated: {}\n{RULE}\n", clean(&diagnosis.generated)));
    out.0
}

/// A report being written: titles at the margin, everything else two cells in.
struct Paper(String);

impl Paper {
    fn title(&mut self, title: &str) {
        if !self.0.ends_with("\n\n") {
            self.0.push('\n');
        }
        self.0.push_str(&format!("{title}:\n"));
    }

    fn line(&mut self, text: &str) {
        self.0.push_str(&format!("  {}\n", clean(text)));
    }

    fn sentence(&mut self, text: &str) {
        for paragraph in text.lines() {
            let mut line = String::new();
            for word in paragraph.split(' ') {
                if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > WIDTH {
                    self.line(&line);
                    line.clear();
                }
                if !line.is_empty() {
                    line.push(' ');
                }
                line.push_str(word);
            }
            self.line(&line);
        }
    }
}

fn head(diagnosis: &Diagnosis, out: &mut Paper) {
    let (kind, category, number, message) = match &diagnosis.error {
        Some(error) => {
            (error.error_type.as_str().to_ascii_uppercase(), error.category.as_str(), error.error_type.number(), error.message.as_str())
        }
        None => ("NONE".to_owned(), "none", 0, "no error: asked for by hand"),
    };
    out.0.push_str(&format!("Error Type: {kind}\nCategory: {category}\nSeverity: {number}/3\n"));
    out.title("Message");
    for line in message.lines().take(20) {
        out.line(line);
    }
}

fn system(diagnosis: &Diagnosis, out: &mut Paper) {
    out.title("System Context");
    let host = &diagnosis.host;
    for (nth, disk) in host.disks.iter().enumerate() {
        // The first is the one that scripts look for; the others say which they are.
        let label = if nth == 0 { "Disk Space".to_owned() } else { format!("Disk Space ({})", disk.path.display()) };
        match disk.usage.known() {
            Some(usage) => {
                let read_only = if usage.read_only { ", read-only" } else { "" };
                out.line(&format!("{label}: {} / {} ({:.1}% used{read_only})", size(usage.used), size(usage.total), usage.percent()));
                if level(usage.inode_percent(), gauge::DISK, gauge::DISK_CRITICAL) != Level::Fine {
                    let (used, all) = (grouped(usage.inodes_used), grouped(usage.inodes));
                    out.line(&format!("Inodes ({}): {used} / {all} ({:.1}% used)", disk.path.display(), usage.inode_percent()));
                }
            }
            None => out.line(&format!("{label}: unknown ({})", disk.usage.why().unwrap_or_default())),
        }
    }
    match host.memory.known() {
        Some(memory) => {
            let (used, total) = memory.tightest();
            out.line(&format!("Memory: {} / {} ({:.1}% used)", size(used), size(total), memory.percent()));
        }
        None => out.line(&format!("Memory: unknown ({})", host.memory.why().unwrap_or_default())),
    }
    match host.files.known() {
        Some(files) => out.line(&format!("File Descriptors: {} / {}", files.own, files.own_limit)),
        None => out.line(&format!("File Descriptors: unknown ({})", host.files.why().unwrap_or_default())),
    }
}

fn database(diagnosis: &Diagnosis, out: &mut Paper) {
    let Some(server) = &diagnosis.server else { return };
    out.title("Database Context");
    if let Some(hop) = server.broken() {
        let why = hop.outcome.why().unwrap_or_default();
        out.line(&format!("Reachability: {} of {} failed after {} ms: {why}", hop.step.words(), server.address, hop.took_ms));
    }
    let Some(about) = server.about.known() else {
        out.line(&format!("Version: unknown ({})", server.about.why().unwrap_or_default()));
        return;
    };
    out.line(&format!("Version: {}", about.version));
    match server.connections.known() {
        Some(used) => out.line(&format!("Connections: {used} / {}", about.max_connections)),
        None => out.line(&format!("Connections: unknown ({})", server.connections.why().unwrap_or_default())),
    }
    if server.mysql.is_none() {
        out.line(&format!("Max Locks: {} per transaction", about.locks.per_transaction));
        out.line(&format!("Total Lock Capacity: ~{}", grouped(about.locks.capacity())));
    }
    if let (Some(used), Some(percent)) = (server.locks_in_use.known(), server.lock_percent())
        && level(percent, gauge::LOCKS, gauge::LOCKS_CRITICAL) != Level::Fine
    {
        out.line(&format!("Locks In Use: {} ({percent:.1}% used)", grouped(*used)));
    }
    out.line(&match server.mysql {
        None => format!("Shared Memory: {}", about.shared_buffers),
        Some(_) => format!("Buffer Pool: {}", about.shared_buffers),
    });
}

/// What a report on demand says besides: everything that is known, also where it is as it should be.
fn further(diagnosis: &Diagnosis, out: &mut Paper) {
    out.title("Further Facts");
    let host = &diagnosis.host;
    out.line(&format!("Host: {}, {} processors", host.name, host.processors));
    match host.load.known() {
        Some(load) => out.line(&format!("Load: {:.2} {:.2} {:.2}", load.one, load.five, load.fifteen)),
        None => out.line(&format!("Load: unknown ({})", host.load.why().unwrap_or_default())),
    }
    if let Some(group) = host.memory.known().and_then(|memory| memory.group.as_ref()) {
        out.line(&format!("Memory Limit: {} of {} used by cgroup {}", size(group.used), size(group.limit), group.group));
    }
    let Some(server) = &diagnosis.server else { return };
    out.line(&format!("Server: {} as {}", server.address, server.user));
    for hop in &server.reach {
        let said = hop.outcome.known().map_or_else(|| format!("FAILED: {}", hop.outcome.why().unwrap_or_default()), Clone::clone);
        out.line(&format!("Reach, {}: {} ms, {said}", hop.step.words(), hop.took_ms));
    }
    // Definitions of the other products are read from the server itself.
    if server.mysql.is_none() {
        out.line(&match server.tool.known() {
            Some(tool) => format!("Client Tools: {tool}"),
            None => format!("Client Tools: unknown ({})", server.tool.why().unwrap_or_default()),
        });
    }
    let Some(about) = server.about.known() else { return };
    out.line(&format!("State: {}", server.state_words(about)));
    if let Some(used) = server.locks_in_use.known() {
        out.line(&format!("Locks In Use: {}", grouped(*used)));
    }
    if let Some(dir) = &about.data_directory {
        out.line(&format!("Data Directory: {dir}"));
    }
    match (&server.mysql, server.wal.known()) {
        (Some(mysql), _) => family(mysql, out),
        (None, Some(wal)) => out.line(&format!("WAL: {}", size(*wal))),
        (None, None) => {}
    }
    for slot in server.slots.known().into_iter().flatten() {
        let active = if slot.active { "active" } else { "nobody reads from it" };
        let held = slot.held.map_or_else(|| "unknown".to_owned(), size);
        out.line(&format!("Replication Slot: {}, {active}, holds {held} of WAL", slot.name));
    }
    if let Some(archiver) = server.archiver.known() {
        let state = match (archiver.mode.as_str(), archiver.failing) {
            ("off", _) => "off".to_owned(),
            (_, true) => format!("FAILING, {} tries failed", grouped(archiver.failed)),
            (_, false) => format!("on, {} files archived", grouped(archiver.archived)),
        };
        out.line(&format!("Archiver: {state}"));
    }
    for one in server.transactions.known().into_iter().flatten() {
        out.line(&format!("Open Transaction: {}", one.words()));
    }
    for line in server.waits.known().into_iter().flatten().flat_map(crate::domain::wait::Wait::lines) {
        out.line(&format!("Wait: {line}"));
    }
    out.line(&format!("Collected In: {}", span(diagnosis.took_ms)));
}

/// What only MySQL and MariaDB have.
fn family(mysql: &super::mysql::MysqlFacts, out: &mut Paper) {
    let unknown = |name: &str, why: Option<&str>| format!("{name}: unknown ({})", why.unwrap_or_default());
    out.line(&match mysql.users.known() {
        Some(users) => {
            let told: Vec<String> = users.iter().map(|one| format!("{} {} ({} idle)", one.user, one.connections, one.idle)).collect();
            format!("Connections By User: {}", told.join(", "))
        }
        None => unknown("Connections By User", mysql.users.why()),
    });
    out.line(&match mysql.pool.known() {
        Some(pool) => {
            let hit = pool.hit_percent().map_or_else(|| "too little asked for to say".to_owned(), |percent| format!("{percent:.1}% hits"));
            format!("Buffer Pool: {} of {} used, {:.1}% changed, {hit}", size(pool.used), size(pool.size), pool.dirty_percent())
        }
        None => unknown("Buffer Pool", mysql.pool.why()),
    });
    out.line(&match mysql.data.known() {
        Some(data) => format!("InnoDB Data: {}", size(*data)),
        None => unknown("InnoDB Data", mysql.data.why()),
    });
    out.line(&match mysql.files.known() {
        Some(open) => format!("Open Files: {} / {}, tables {} / {}", open.files, open.limit, open.tables, open.cache),
        None => unknown("Open Files", mysql.files.why()),
    });
    out.line(&match mysql.log.known() {
        Some(log) if !log.written => "Binary Log: not written".to_owned(),
        Some(log) => {
            let kept = if log.keep_seconds == 0 { "for ever".to_owned() } else { span(log.keep_seconds.saturating_mul(1000)) };
            let files = if log.files == 1 { "1 file".to_owned() } else { format!("{} files", grouped(log.files)) };
            format!("Binary Log: {} in {files}, kept {kept}", size(log.bytes))
        }
        None => unknown("Binary Log", mysql.log.why()),
    });
    match mysql.replication.known() {
        Some(channels) => {
            for one in channels {
                let behind = one.behind_seconds.map_or_else(|| "lag unknown".to_owned(), |seconds| format!("{seconds} s behind"));
                out.line(&format!("Replica Of: {}, receives {}, applies {}, {behind}", one.words(), one.receives, one.applies));
                if let Some(gtid) = &one.gtid {
                    out.line(&format!("Replica's GTID: {gtid}"));
                }
            }
        }
        None => out.line(&unknown("Replica Of", mysql.replication.why())),
    }
    match mysql.settings.known() {
        Some(set) => {
            let stream = if set.local_infile { "on" } else { "off" };
            out.line(&format!(
                "Settings: max_allowed_packet {}, local_infile {stream}, lower_case_table_names {}",
                size(set.max_allowed_packet),
                set.lower_case_table_names
            ));
        }
        None => out.line(&unknown("Settings", mysql.settings.why())),
    }
}

fn recommendations(diagnosis: &Diagnosis, out: &mut Paper) {
    out.title("Recommendations");
    let is_about_locks = diagnosis.error.as_ref().is_some_and(|error| error.code == crate::domain::Code::LockTableFull);
    let locks = diagnosis.server.as_ref().and_then(super::ServerFacts::locks);
    if let (true, Some(locks)) = (is_about_locks, locks) {
        let formula = match locks.max_prepared {
            0 => "max_locks_per_transaction × max_connections",
            _ => "max_locks_per_transaction × (max_connections + max_prepared_transactions)",
        };
        out.line(&format!("Current lock capacity: {} locks ({formula})", grouped(locks.capacity())));
    }
    let mut said: Vec<String> = Vec::new();
    for finding in &diagnosis.findings {
        finding_lines(finding, &mut said, out);
    }
    // What the root cause asks for, where no finding has said it; what the error alone says, where there is no root cause.
    let steps = diagnosis.root_cause.as_ref().map(|cause| &cause.steps).or(diagnosis.error.as_ref().map(|error| &error.steps));
    for step in steps.into_iter().flatten() {
        bullet(step, &mut said, out);
    }
    if said.is_empty() && diagnosis.findings.is_empty() {
        out.line("None: every figure is below its threshold.");
    }
}

fn finding_lines(finding: &Finding, said: &mut Vec<String>, out: &mut Paper) {
    out.line(&format!("⚠ {}", finding.title));
    for step in &finding.steps {
        bullet(step, said, out);
    }
}

/// A step, once however many findings have it.
fn bullet(step: &Step, said: &mut Vec<String>, out: &mut Paper) {
    let text = match &step.command {
        Some(command) => format!("• {} {command}", step.text),
        None => format!("• {}", step.text),
    };
    if !said.contains(&text) {
        out.line(&text);
        said.push(text);
    }
}

fn action(diagnosis: &Diagnosis) -> String {
    if let Some(cause) = &diagnosis.root_cause {
        return cause.action.clone();
    }
    let steps = diagnosis.findings.first().map(|finding| &finding.steps).or(diagnosis.error.as_ref().map(|error| &error.steps));
    match steps.into_iter().flatten().next() {
        Some(step) => match &step.command {
            Some(command) => format!("Fix: {} {command}", step.text),
            None => format!("Fix: {}", step.text),
        },
        None if diagnosis.error.is_some() => "See docs/troubleshooting.md for this kind of failure.".to_owned(),
        None => "Nothing needs to be done.".to_owned(),
    }
}

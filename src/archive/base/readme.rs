//! `README.txt` of a base backup: what it is, and how a server comes out of it with tar alone. Pure.

use crate::archive::manifest::{Base, Manifest};
use crate::archive::readme::shell;
use crate::domain::codec::Codec;
use crate::domain::recovery::BaseKind;
use crate::domain::size::{Bytes, grouped};
use crate::domain::text::clean;
use std::fmt::Write;
use std::path::Path;

/// The text.
pub fn readme(manifest: &Manifest, base: &Base, archive: &Path) -> String {
    let head = &manifest.head;
    let mut out = format!(
        "Base backup of {} {} at {}\nmade {} by {}; label {:?}; {} files, {}\n\n\
         Replay begins at {} and the files are consistent at {}, timeline {}.\n",
        clean(&head.source.product),
        clean(&head.source.version),
        clean(&head.source.address),
        clean(&head.created),
        clean(&head.tool),
        clean(&base.label),
        grouped(base.files),
        Bytes(head.row_bytes),
        base.start,
        base.stop,
        base.timeline,
    );
    for tablespace in &base.tablespaces {
        _ = writeln!(out, "Tablespace {} was at {}", tablespace.oid, clean(&tablespace.path));
    }
    out.push_str("\nWith dbbackup:\n\n    dbbackup restore pitr --base-backup ARCHIVE --target-dir DIR --archive-dir WAL\n\n");
    if let Some(parent) = &base.parent {
        _ = writeln!(
            out,
            "It holds only what has changed since {} (id {}), and is of no use without that one.\n\
             By hand: unpack both. Files that base-files.jsonl here calls \"unchanged\" are those of the earlier backup; those called\n\
             \"increment\" are the earlier ones with the blocks of INCREMENTAL.<name> put over them (magic u32, number of blocks u32, length in\n\
             blocks u32, numbers of the blocks u32 each, zeros up to 8192 bytes, then the blocks; little-endian); all others are whole.\n\
             Where the server made it (PostgreSQL 17 and newer), pg_combinebackup does that.",
            clean(&parent.file),
            clean(&parent.id),
        );
        return out;
    }
    out.push_str(
        "By hand, with tar: set WAL to the folder of the archived log (as an absolute path) and run the script below with sh, as the user\n\
         that the server runs as. The data directory is then restored/base. Files of the log that are compressed need their own command\n\
         instead of cp: for dbbackup's archive it is dbbackup wal restore %f %p --archive-dir. The server must be of the same major version.\n\n\
         ---- script ----\n",
    );
    out.push_str(&script(head.compression.codec, base, archive));
    out.push_str(
        "---- end of script ----\n\n\
         To stop at a moment, add one of these lines to restored/base/postgresql.auto.conf before the start:\n\n    \
         recovery_target_time = '2026-01-30 14:02:59+00'\n    recovery_target_lsn = '0/3000000'\n    recovery_target_name = 'before_the_change'\n    \
         recovery_target_xid = '1234'\n    recovery_target = 'immediate'\n\n\
         Settings that were kept outside of the data directory (Debian: /etc/postgresql) are not in the backup.\n",
    );
    out
}

fn script(codec: Codec, base: &Base, archive: &Path) -> String {
    let file = shell(&format!("./{}", archive.file_name().unwrap_or_default().to_string_lossy()));
    let unpack = match codec {
        Codec::Zstd => format!("tar --zstd -xpf {file} -C restored"),
        Codec::Gzip => format!("tar -xzpf {file} -C restored"),
        Codec::Lz4 => format!("lz4 -dc {file} | tar -xpf - -C restored"),
        Codec::Xz => format!("tar -xJpf {file} -C restored"),
        Codec::None => format!("tar -xpf {file} -C restored"),
    };
    let mut out = format!("set -eu\numask 077\nmkdir restored\n{unpack}\n");
    if !base.tablespaces.is_empty() {
        out.push_str(
            "# Tablespaces stay beside the data directory; the server makes the links to them.\n: > restored/base/tablespace_map\n",
        );
        for tablespace in &base.tablespaces {
            let oid = tablespace.oid;
            _ = writeln!(out, "printf '%s\\n' \"{oid} $PWD/restored/tablespaces/{oid}\" >> restored/base/tablespace_map");
        }
    }
    debug_assert_eq!(base.kind, BaseKind::Full);
    out.push_str(
        "# Where the log lies. Without it the backup itself must hold what it needs.\n\
         if [ -n \"${WAL:-}\" ]; then\n    \
         printf '%s\\n' \"restore_command = 'cp \\\"$WAL/%f\\\" \\\"%p\\\"'\" >> restored/base/postgresql.auto.conf\n    \
         : > restored/base/recovery.signal\n\
         fi\n\
         # Then: pg_ctl -D restored/base start\n",
    );
    out
}

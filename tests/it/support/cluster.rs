//! Data directories of private servers: made by initdb once for each version and test run, and copied from then on, which takes a tenth of the
//! time. Each copy gets a system identifier of its own, as if initdb had made it: that is how servers are told apart.

use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::sync::{Mutex, PoisonError};

/// A data directory that is copied.
struct Model {
    major: u32,
    data: PathBuf,
    /// Removes it when this process ends, however it ends: it reads a pipe that this process holds.
    _broom: Child,
}

static MODELS: Mutex<Vec<Model>> = Mutex::new(Vec::new());

/// Makes the data directory of a new server; `program` gives a command for one of the server's programs, as the server's user.
pub fn make(major: u32, data: &Path, program: &dyn Fn(&str) -> Command) {
    let mut models = MODELS.lock().unwrap_or_else(PoisonError::into_inner);
    let model = match models.iter().find(|model| model.major == major) {
        Some(model) => model.data.clone(),
        None => {
            let model = initdb(major, data, program);
            let path = model.data.clone();
            models.push(model);
            path
        }
    };
    drop(models);
    done("cp", Command::new("cp").arg("-a").arg(&model).arg(data).output());
    // The first eight bytes of the control file are the identifier. pg_resetwal takes a file with a checksum that does not fit as it is, and
    // writes it and the log anew.
    let control = std::fs::OpenOptions::new().write(true).open(data.join("global/pg_control")).expect("the control file");
    let identifier = uuid::Uuid::now_v7().as_u128();
    control.write_all_at(&((identifier ^ (identifier >> 64)) as u64 >> 1).to_ne_bytes(), 0).expect("an identifier");
    done("pg_resetwal", program("pg_resetwal").arg("-f").arg("-D").arg(data).output());
}

/// Beside `data`, in a folder that belongs to the server's user.
fn initdb(major: u32, data: &Path, program: &dyn Fn(&str) -> Command) -> Model {
    let own = data.with_file_name("model");
    let options = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-k", "-N"];
    done("initdb", program("initdb").arg("-D").arg(&own).args(options).output());
    // Out of that folder, which goes with its server.
    let root = std::env::temp_dir().join(format!("dbbackup-test-{}-model-{major}", std::process::id()));
    let _ = std::fs::remove_dir_all(&root);
    done("mv", Command::new("mv").arg(&own).arg(&root).output());
    let script = format!("trap '' INT TERM HUP; read -r _; rm -rf '{}'", root.display());
    let broom = super::leashed(&script);
    Model { major, data: root, _broom: broom }
}

#[track_caller]
fn done(what: &str, out: std::io::Result<Output>) {
    let out = out.expect(what);
    assert!(out.status.success(), "{what}: {}", String::from_utf8_lossy(&out.stderr));
}

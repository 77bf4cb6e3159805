//! Keeps the memory of this process, which holds passwords, out of files. Knows nothing of what is in it.

use rustix::process::{Resource, Rlimit, setrlimit};

/// No core dump of this process from now on, nor one of programs that it starts; other processes of the same user can neither trace it nor
/// read its environment. Where the host refuses that, the program is as safe as any other, so it goes on.
pub fn forbid() {
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    // The limit does not hold for cores that are piped to a program, as systemd-coredump has them.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::process::{DumpableBehavior, Resource, dumpable_behavior, getrlimit};

    #[test]
    fn neither_a_file_nor_a_program_gets_a_core() {
        super::forbid();
        let limit = getrlimit(Resource::Core);
        assert_eq!((limit.current, limit.maximum), (Some(0), Some(0)));
        assert_eq!(dumpable_behavior().expect("its state"), DumpableBehavior::NotDumpable);
    }
}

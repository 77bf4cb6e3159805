use super::*;
use proptest::prelude::*;

const SEGMENT: CommandKind = CommandKind::Copy;

#[test]
fn commands_as_people_write_them() {
    use CommandKind::{Barman, Copy, Dbbackup, Nothing, Other, PgBackRest, WalG};
    let table: &[(&str, CommandKind, Option<&str>)] = &[
        ("", Nothing, None),
        ("(disabled)", Nothing, None),
        ("true", Nothing, None),
        ("/bin/true", Nothing, None),
        (":", Nothing, None),
        ("exit 0", Nothing, None),
        ("dbbackup wal archive %p %f --archive-dir=/wal", Dbbackup, Some("/wal")),
        ("dbbackup wal archive %p %f --archive-dir /wal", Dbbackup, Some("/wal")),
        ("/usr/local/bin/dbbackup wal archive --archive-dir '/var/lib/my wal' %p %f", Dbbackup, Some("/var/lib/my wal")),
        ("\"/opt/db backup/dbbackup\" wal archive %p %f --archive-dir=\"/wal/db01/\"", Dbbackup, Some("/wal/db01")),
        ("DBBACKUP_JOBS=2 nice -n 10 /usr/bin/dbbackup --quiet wal archive %p %f --archive-dir=/wal", Dbbackup, Some("/wal")),
        ("sh -c 'exec /usr/bin/dbbackup wal archive \"$0\" \"$1\" --archive-dir=/wal' %p %f", Dbbackup, Some("/wal")),
        ("dbbackup wal archive %p %f", Dbbackup, None),
        ("dbbackup wal archive %p %f --archive-dir=$WAL", Dbbackup, None),
        ("dbbackup status", Other, None),
        ("cp %p /wal/%f", Copy, Some("/wal")),
        ("/bin/cp -i %p /mnt/server/archivedir/%f </dev/null", Copy, Some("/mnt/server/archivedir")),
        ("test ! -f /wal/%f && cp %p /wal/%f", Copy, Some("/wal")),
        ("test ! -f \"/wal/%f\" && cp \"%p\" \"/wal/%f\"", Copy, Some("/wal")),
        ("[ ! -f /wal/%f ] && cp %p /wal/%f.tmp && mv /wal/%f.tmp /wal/%f", Copy, Some("/wal")),
        ("if [ -f /wal/%f ]; then exit 1; else cp %p /wal/%f; fi", Copy, Some("/wal")),
        ("cp %p /wal", Copy, Some("/wal")),
        ("cp -t /wal/ %p", Copy, Some("/wal")),
        ("cp --target-directory=/wal %p", Copy, Some("/wal")),
        ("install -m 600 -o postgres %p /wal/%f", Copy, Some("/wal")),
        ("rsync -a --ignore-existing %p /wal/%f", Copy, Some("/wal")),
        ("rsync -e 'ssh -p 22' -a %p backup@host:/wal/%f", Copy, None),
        ("scp -i /key %p host:/wal/%f", Copy, None),
        ("gzip < %p > /wal/%f.gz", Copy, Some("/wal")),
        ("gzip -c %p >/wal/%f.gz 2>/dev/null", Copy, Some("/wal")),
        ("cat %p | zstd -3 -T2 | tee /wal/%f.zst > /dev/null", Copy, Some("/wal")),
        ("zstd -q -o /wal/%f.zst %p", Copy, Some("/wal")),
        ("lz4 -q -z %p /wal/%f.lz4", Copy, Some("/wal")),
        ("timeout 60 gpg --batch -r me --output /wal/%f.gpg --encrypt %p", Copy, Some("/wal")),
        ("dd if=%p of=/wal/%f bs=1M", Copy, Some("/wal")),
        ("bash -c 'set -o pipefail; gzip < \"%p\" | tee \"/wal/%f.gz\" >/dev/null'", Copy, Some("/wal")),
        ("mkdir -p /wal && cp %p /wal/%f && chmod 600 /wal/%f", Copy, Some("/wal")),
        ("cp %p /wal/%f # keep the old one too: cp %p /old/%f", Copy, Some("/wal")),
        ("cp %p /wal/100%%/%f", Copy, Some("/wal/100%")),
        ("pgbackrest --stanza=main archive-push %p", PgBackRest, None),
        ("/usr/bin/pgbackrest --stanza=main --repo1-path=/repo archive-push %p", PgBackRest, Some("/repo")),
        ("flock /tmp/lock pgbackrest --stanza main archive-push %p || exit 1", PgBackRest, None),
        ("wal-g wal-push %p", WalG, None),
        ("envdir /etc/wal-g.d/env /usr/local/bin/wal-g wal-push %p", WalG, None),
        ("WALG_FILE_PREFIX=/wal AWS_SECRET_ACCESS_KEY=abc wal-g wal-push %p >> /var/log/wal-g.log 2>&1", WalG, Some("/wal")),
        ("barman-wal-archive backup pg %p", Barman, None),
        ("barman-cloud-wal-archive s3://bucket pg %p", Barman, None),
        ("rsync -a %p barman@backup:/var/lib/barman/pg/incoming/%f", Barman, None),
        ("/usr/local/bin/archive.sh %p %f", Other, None),
        ("aws s3 cp %p s3://bucket/wal/%f", Copy, None),
        ("sudo -u archiver cp %p /wal/%f", Copy, Some("/wal")),
    ];
    assert!(table.len() > 40);
    for (command, kind, dir) in table {
        let source = read(command);
        assert_eq!((source.kind, source.dir), (*kind, dir.map(PathBuf::from)), "{command}");
    }
}

#[test]
fn the_shown_command_has_no_secrets() {
    for (command, secret) in [
        ("AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI wal-g wal-push %p", "wJalrXUtnFEMI"),
        ("WALG_LIBSODIUM_KEY='hunter2 x' wal-g wal-push %p", "hunter2"),
        ("pgbackrest --repo1-cipher-pass=zitronengelb archive-push %p", "zitronengelb"),
        ("pgbackrest --repo1-s3-key-secret=zitronengelb archive-push %p", "zitronengelb"),
        ("openssl enc -aes256 -pass pass:hunter22 -in %p -out /wal/%f", "hunter22"),
        ("curl https://me:zitronengelb@host/put -T %p", "zitronengelb"),
        ("PGPASSWORD=zitronengelb archive.sh %p", "zitronengelb"),
        ("API_TOKEN=zitronengelb archive.sh %p", "zitronengelb"),
    ] {
        let shown = shown(command);
        assert!(!shown.contains(secret), "{shown}");
        assert!(shown.contains(MASK) && shown.contains("%p"), "{shown}");
    }
    let plain = "test ! -f /wal/%f && cp %p /wal/%f";
    assert_eq!(shown(plain), plain);
}

#[test]
fn pgbackrests_repository_is_where_its_configuration_says() {
    let config =
        |path: &Path| (path == Path::new("/etc/pgbackrest.conf")).then(|| "[global]\nrepo1-path = /var/lib/pgbackrest\n".to_owned());
    let of = |command: &str| pgbackrest_folder(command, config);
    assert_eq!(of("pgbackrest --stanza=main archive-push %p"), Some("/var/lib/pgbackrest/archive/main".into()));
    assert_eq!(of("pgbackrest --stanza=main --repo1-path=/r archive-push %p"), Some("/r/archive/main".into()));
    assert_eq!(of("pgbackrest archive-push %p"), Some("/var/lib/pgbackrest".into()));
    assert_eq!(of("cp %p /wal/%f"), None);
    assert_eq!(pgbackrest_folder("pgbackrest --stanza=main archive-push %p", |_| None), None);
}

proptest! {
    #[test]
    fn whatever_stands_there_is_read_and_cleaned(command in "\\PC{0,80}") {
        let source = read(&command);
        let shown = source.command.unwrap_or_default();
        prop_assert!(!shown.contains(char::is_control));
    }

    #[test]
    fn a_folder_is_found_whatever_its_name(name in "[a-zA-Z0-9 .,_-]{1,20}") {
        let dir = format!("/wal/{name}x");
        let command = format!("cp %p {}/%f", shell_words::quote(&dir));
        let source = read(&command);
        prop_assert_eq!((source.kind, source.dir), (SEGMENT, Some(PathBuf::from(dir))));
    }
}

//! Documentation says what the program does.

use dbbackup::domain::Code;
use std::path::Path;

fn document(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn troubleshooting_is_made_from_the_codes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/troubleshooting.md");
    let wanted = dbbackup::domain::fault::document();
    if std::env::var_os("DBBACKUP_WRITE_DOCS").is_some() {
        std::fs::write(&path, &wanted).expect("the document");
    }
    assert!(
        document("docs/troubleshooting.md") == wanted,
        "docs/troubleshooting.md is old: DBBACKUP_WRITE_DOCS=1 cargo test --test it docs"
    );
    for code in Code::ALL {
        let section = wanted.split(&format!("\n## {}\n", code.as_str())).nth(1).expect("a section").split("\n## ").next().expect("a text");
        assert!(section.split_whitespace().count() > 25, "{} says nothing", code.as_str());
    }
}

#[test]
fn every_exit_code_is_in_the_readme() {
    let text = document("README.md");
    for code in Code::ALL {
        assert!(
            text.lines().any(|line| line.starts_with(&format!("| {} ", code.exit()))),
            "exit code {} of {}",
            code.exit(),
            code.as_str()
        );
    }
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut checked = 0;
    for name in [
        "README.md",
        "CHANGELOG.md",
        "docs/ARCHITECTURE.md",
        "docs/configuration.md",
        "docs/logging.md",
        "docs/passwords.md",
        "docs/performance.md",
        "docs/pitr.md",
        "docs/troubleshooting.md",
    ] {
        let text = document(name);
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap_or_default();
            if file.is_empty() || file.contains("://") {
                continue;
            }
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name).parent().expect("a folder").join(file);
            assert!(path.exists(), "{name}: {target}");
            checked += 1;
        }
    }
    assert!(checked > 3, "only {checked} links");
}

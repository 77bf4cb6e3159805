//! Documentation says what the program does.

use dbbackup::domain::Code;
use std::path::Path;

fn document(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn every_code_has_its_section() {
    let text = document("docs/troubleshooting.md");
    let headings: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    for code in Code::ALL {
        assert!(headings.contains(&code.as_str()), "docs/troubleshooting.md has no section {}", code.as_str());
        let section = text.split(&format!("\n## {}\n", code.as_str())).nth(1).expect("a section").split("\n## ").next().expect("a text");
        assert!(section.contains(&format!("exit code {}", code.exit())), "{} is exit code {}", code.as_str(), code.exit());
        assert!(section.split_whitespace().count() > 15, "{} says nothing", code.as_str());
    }
    let known = headings.iter().filter(|heading| heading.chars().all(|c| c.is_ascii_uppercase() || c == '_'));
    for heading in known {
        assert!(Code::ALL.iter().any(|code| code.as_str() == *heading), "there is no code {heading}");
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
    for name in ["README.md", "CHANGELOG.md", "docs/ARCHITECTURE.md", "docs/performance.md", "docs/troubleshooting.md"] {
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

//! Words as a shell reads them back: quoted, on one line or folded into several.

/// Words on one line, as a shell reads them.
pub fn shell(words: &[String]) -> String {
    words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" ")
}

/// Words in lines that a shell joins again, and on one line.
pub fn as_lines(words: &[String]) -> (Vec<String>, String) {
    (fold(words), words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" "))
}

/// A word as a shell reads it back.
pub fn quote(word: &str) -> String {
    shell_words::quote(word).into_owned()
}

/// Joins quoted words into lines of at most 76 columns; a flag stays with its value.
pub(super) fn fold(words: &[String]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    let mut at = 0;
    while at < words.len() {
        let mut part = quote(&words[at]);
        let takes_value = words[at].starts_with("--") && words[at] != "--" && !words[at].contains('=');
        if takes_value && words.get(at + 1).is_some_and(|next| !next.starts_with('-')) && !STANDALONE.contains(&words[at].as_str()) {
            at += 1;
            part = format!("{part} {}", quote(&words[at]));
        }
        at += 1;
        if !line.is_empty() && line.chars().count() + 1 + part.chars().count() > 74 {
            line.push_str(" \\");
            lines.push(std::mem::take(&mut line));
            line.push_str("  ");
        } else if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&part);
    }
    lines.push(line);
    lines
}

const STANDALONE: [&str; 16] = [
    "--debug-locks",
    "--create",
    "--clean",
    "--schema-only",
    "--data-only",
    "--no-owner",
    "--no-acl",
    "--no-tablespaces",
    "--prove",
    "--continue-on-error",
    "--force",
    "--keep-temp",
    "--require-all",
    "--no-verify",
    "--quick",
    "--full",
];

//! Who waits for whom, put into the order of a tree, and statements as they are shown beside it. Asks no server.

use crate::domain::text;
use crate::domain::wait::{Blocker, Wait};
use std::collections::HashMap;

/// Lines of the tree that are kept for one wait.
const LINES: usize = 50;

/// Levels of the tree that are read.
const DEPTH: usize = 6;

/// Characters of a statement that are kept.
const STATEMENT: usize = 400;

/// The blockers of a session in the order in which a tree is read: each followed by those that it waits for.
pub fn flatten(edges: &HashMap<i32, Vec<i32>>, known: &HashMap<i32, Blocker>, pid: i32) -> Vec<Blocker> {
    let mut lines = Vec::new();
    let mut path = Vec::new();
    branch(edges, known, pid, &mut path, &mut lines);
    lines
}

fn branch(edges: &HashMap<i32, Vec<i32>>, known: &HashMap<i32, Blocker>, pid: i32, path: &mut Vec<i32>, lines: &mut Vec<Blocker>) {
    path.push(pid);
    for next in edges.get(&pid).into_iter().flatten() {
        // Sessions come and go between two questions, so that even a circle may seem to be there.
        if path.contains(next) || lines.len() >= LINES || path.len() > DEPTH {
            continue;
        }
        let missing = Blocker { pid: *next, state: "gone already".into(), ..Blocker::default() };
        let known_one = known.get(next).cloned().unwrap_or(missing);
        let blocked_by = edges.get(next).cloned().unwrap_or_default();
        lines.push(Blocker { depth: u32::try_from(path.len() - 1).unwrap_or(0), blocked_by, ..known_one });
        branch(edges, known, *next, path, lines);
    }
    path.pop();
}

/// A statement on one line, without passwords, cleaned and cut.
pub fn short(statement: &str) -> String {
    let statement = crate::domain::redact::redact(statement);
    let mut line = String::new();
    for word in statement.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > STATEMENT * 4 {
            break;
        }
    }
    let cut = match line.char_indices().nth(STATEMENT) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    };
    text::clean(&cut)
}

/// The longest waits in front.
pub fn sort(waits: &mut [Wait]) {
    waits.sort_by_key(|wait| (std::cmp::Reverse(wait.waited_ms), wait.pid));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_read_well() {
        assert_eq!(short("ALTER ROLE anna\n  PASSWORD 'geheim'"), "ALTER ROLE anna PASSWORD '********'");
        assert_eq!(short(" SELECT\n  1\t\u{1b}[2J "), "SELECT 1 \\x1b[2J");
        assert_eq!(short(&"x".repeat(5000)).chars().count(), STATEMENT + 1);
    }

    #[test]
    fn a_tree_is_read_from_the_top_and_circles_end() {
        let edges = HashMap::from([(1, vec![2, 4]), (2, vec![3]), (3, vec![1]), (4, vec![])]);
        let lines = flatten(&edges, &HashMap::new(), 1);
        let shape: Vec<_> = lines.iter().map(|line| (line.pid, line.depth)).collect();
        assert_eq!(shape, [(2, 0), (3, 1), (4, 0)]);
        assert!(lines[2].is_root() && !lines[0].is_root());
    }
}

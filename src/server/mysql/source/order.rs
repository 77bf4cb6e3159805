//! The order in which views can be made: each after those that it reads, also through functions that it calls.

use crate::server::mysql::definition::lexer::Quotes;
use crate::server::mysql::definition::{names, script};
use std::collections::{BTreeSet, HashMap};

/// Places of views in an order in which they can be made, each with the places of those it needs. `views` are (name, definition), `functions`
/// definitions by name in lower case.
pub fn of_views(views: &[(String, String)], functions: &HashMap<String, String>) -> Vec<(usize, BTreeSet<usize>)> {
    let place: HashMap<&str, usize> = views.iter().enumerate().map(|(at, (name, _))| (name.as_str(), at)).collect();
    let folded: HashMap<String, usize> = views.iter().enumerate().map(|(at, (name, _))| (name.to_lowercase(), at)).collect();
    // What a body mentions, as functions and as views; a body is looked at only once.
    let bodies: HashMap<&str, BTreeSet<String>> =
        functions.iter().map(|(name, sql)| (name.as_str(), names::mentions(script::split(sql).1, script::quotes(sql)))).collect();
    let needs: Vec<BTreeSet<usize>> = views
        .iter()
        .enumerate()
        .map(|(own, (_, sql))| {
            let reads = names::reads(sql, Quotes::default());
            let mut found: BTreeSet<usize> = reads
                .tables
                .iter()
                .filter(|name| name.schema.is_empty())
                .filter_map(|name| place.get(name.name.as_str()).copied())
                .collect();
            let mut todo: Vec<String> = reads.functions.iter().map(|name| name.name.to_lowercase()).collect();
            let mut seen: BTreeSet<String> = BTreeSet::new();
            while let Some(name) = todo.pop() {
                let Some(body) = bodies.get(name.as_str()) else { continue };
                if seen.insert(name) {
                    found.extend(body.iter().filter_map(|word| folded.get(word).copied()));
                    todo.extend(body.iter().filter(|word| bodies.contains_key(word.as_str())).cloned());
                }
            }
            found.remove(&own);
            found
        })
        .collect();
    let mut order = Vec::with_capacity(views.len());
    // 0: not looked at, 1: on the way, 2: placed. What a body mentions need not be what it reads, so that there may be a circle: it is cut.
    let mut state = vec![0_u8; views.len()];
    for at in 0..views.len() {
        let mut stack = vec![at];
        while let Some(top) = stack.last().copied() {
            if state[top] == 0 {
                state[top] = 1;
                stack.extend(needs[top].iter().rev().filter(|on| state[**on] == 0));
            } else {
                stack.pop();
                if state[top] == 1 {
                    state[top] = 2;
                    let ready = needs[top].iter().copied().filter(|on| state[*on] == 2).collect();
                    order.push((top, ready));
                }
            }
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_come_after_what_they_read_also_through_functions() {
        let views: Vec<(String, String)> = [
            ("a", "CREATE VIEW `a` AS select `f`(1) AS `x`"),
            ("b", "CREATE VIEW `b` AS select `c`.`i` AS `i` from `c`"),
            ("c", "CREATE VIEW `c` AS select `t`.`i` AS `i` from `t`"),
        ]
        .map(|(name, sql)| (name.to_owned(), sql.to_owned()))
        .to_vec();
        let function = "SET sql_mode = '';\nCREATE FUNCTION `f`(i int) RETURNS int begin return `G`(i); end";
        let other = "SET sql_mode = '';\nCREATE FUNCTION `g`(i int) RETURNS int begin return (select max(i) from b); end";
        let functions = HashMap::from([("f".to_owned(), function.to_owned()), ("g".to_owned(), other.to_owned())]);
        let order = of_views(&views, &functions);
        assert_eq!(order.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [2, 1, 0]);
        assert_eq!(order[2].1, BTreeSet::from([1]));
    }

    #[test]
    fn a_circle_of_words_is_cut() {
        let views = vec![
            ("a".to_owned(), "CREATE VIEW `a` AS select `f`() AS `x`".to_owned()),
            ("b".to_owned(), "CREATE VIEW `b` AS select `a`.`x` AS `x` from `a`".to_owned()),
        ];
        let functions = HashMap::from([("f".to_owned(), "CREATE FUNCTION `f`() RETURNS int return (select 1 as b)".to_owned())]);
        let mut places: Vec<usize> = of_views(&views, &functions).iter().map(|(at, _)| *at).collect();
        places.sort_unstable();
        assert_eq!(places, [0, 1]);
    }
}

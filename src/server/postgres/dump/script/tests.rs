//! What of a script passes, and what psql would make of it.

use super::*;
use std::collections::HashSet;

fn pass(rules: Rules, text: &str) -> (Result<(), Refusal>, String, Findings) {
    let mut script = Script::new(rules);
    let mut out = Vec::new();
    let outcome = script.pass(text.as_bytes(), &mut out);
    (outcome, String::from_utf8(out).expect("text"), script.findings().clone())
}

fn refused(text: &str) -> u64 {
    let (outcome, ..) = pass(Rules::default(), text);
    outcome.expect_err(text).line
}

fn passes(text: &str) -> Findings {
    let (outcome, out, found) = pass(Rules::default(), text);
    outcome.unwrap_or_else(|refusal| panic!("{refusal:?} in\n{text}"));
    assert_eq!(out, text);
    found
}

#[test]
fn commands_are_refused_wherever_psql_would_see_them() {
    assert_eq!(refused("\\! touch /tmp/x\n"), 1);
    assert_eq!(refused("SELECT 1;\n  \\! touch /tmp/x\n"), 2);
    assert_eq!(refused("SELECT 1 \\g | sh\n"), 1);
    assert_eq!(refused("SELECT 1\n\\! x\n;\n"), 2);
    assert_eq!(refused("CREATE TABLE t (\n  a int\n  \\o /etc/passwd\n);\n"), 3);
    assert_eq!(refused("COPY public.t (a) FROM stdin;\n1\n\\! data\n\\.\n\n\\! touch /tmp/x\n"), 6);
    assert_eq!(refused("SELECT 'a' /* ' */ \\! x\n"), 1);
    assert_eq!(refused("SELECT $a$ $b$ $a$ \\! x\n"), 1);
    assert_eq!(refused("SELECT E'\\'' \\! x\n"), 1);
    assert_eq!(refused("SELECT 'a\\' \\! x '\n"), 1, "a backslash in an ordinary string escapes nothing");
    assert_eq!(refused("\\connect other\n"), 1);
    assert_eq!(refused("\\restrict abc \\! x\n"), 1);
    assert_eq!(refused("COPY \"x from stdin\" TO stdout;\n\\! x\n"), 2);
    assert_eq!(refused("SELECT (1; COPY t FROM stdin;\n\\! x\n"), 2);
    assert_eq!(refused("COPY t FROM stdin; SELECT 1;\n"), 1);
    assert_eq!(refused("SELECT a$b$ \\! x $b$\n"), 1, "a dollar within a word quotes nothing");
}

#[test]
fn backslashes_that_are_data_pass() {
    passes("SELECT '\\! x', \"\\! y\", $$\n\\! z\n$$, $tag$ \\! $$ \\! $tag$;\n");
    passes("-- \\! x\n/* \\! /* \\! */ \\! */ SELECT 1;\n");
    passes("SELECT E'it\\'s \\! x'\n  ' \\' \\! y';\n");
    passes("SELECT 'it''s \\! x';\n");
    passes("SELECT $1$2, a::int[], 1;\n");
    let found =
        passes("COPY \"My Schema\".\"a (b\" (\"x y\") FROM stdin;\n\\N\n\\! data\n\\\\.\n\\.\n-- PostgreSQL database dump complete\n");
    assert_eq!(found.parts[0].tables, [("\"My Schema\".\"a (b\"".to_owned(), 3)]);
    assert_eq!(found.ends, (true, false));
    let off = "SET standard_conforming_strings = off;\nSELECT 'a\\' \\! b';\n";
    passes(off);
}

#[test]
fn the_last_words_must_be_the_last() {
    let end = "-- PostgreSQL database dump complete\n";
    assert_eq!(passes(&format!("SELECT 1;\n--\n{end}--\n\n")).ends, (true, false));
    assert_eq!(passes(&format!("--\n{end}--\nSELECT 1;\n")).ends, (false, false));
    assert_eq!(passes(&format!("SELECT '\n{end}';\n")).ends, (false, false));
    let locked =
        |last: &str| pass(Rules::default(), &format!("\\restrict abc\nSELECT 1;\n{end}\n{last}")).2.is_complete(super::super::Form::Script);
    assert!(locked("\\unrestrict abc\n") && !locked("\\unrestrict ab") && !locked(""));
    assert_eq!(passes(&format!("COPY t FROM stdin;\n{end}")).ends, (false, false));
}

#[test]
fn a_cluster_goes_from_database_to_database_and_nowhere_else() {
    let rules =
        || Rules { connect: Connect::Allowed, key: Some("k1".into()), roles: HashSet::from(["postgres".into()]), ..Rules::default() };
    let text = "CREATE ROLE postgres;\nCREATE ROLE \"a b\";\nDROP DATABASE IF EXISTS old;\nCREATE DATABASE \"my db\" WITH TEMPLATE = template0;\n\
                \\restrict abc\n\\connect -reuse-previous=on \"dbname='my db'\"\nCREATE TABLE t (a int);\n\\connect shop\n";
    let (outcome, out, found) = pass(rules(), text);
    outcome.expect("as pg_dumpall writes it");
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!((lines[0], lines[1], lines[4]), ("", "CREATE ROLE \"a b\";", ""));
    assert_eq!(lines[5], "\\unrestrict k1 \\connect -reuse-previous=on \"dbname='my db'\" \\restrict k1");
    assert_eq!((found.makes.as_slice(), found.drops.as_slice()), (["my db".to_owned()].as_slice(), ["old".to_owned()].as_slice()));
    let names: Vec<_> = found.parts.iter().map(|part| (part.database.as_deref(), part.made)).collect();
    assert_eq!(names, [(None, 0), (Some("my db"), 1), (Some("shop"), 0)]);
    for elsewhere in
        ["shop user host", "\"host=evil dbname=x\"", "postgresql://evil/x", "-reuse-previous=on \"dbname='a' host='evil'\"", "-", "x y"]
    {
        let (outcome, ..) = pass(rules(), &format!("\\connect {elsewhere}\n"));
        assert!(outcome.is_err(), "{elsewhere}");
    }
}

#[test]
fn owners_and_rights_are_left_out_on_request() {
    let text = "ALTER TABLE public.t OWNER TO bob;\nGRANT SELECT ON TABLE public.t TO bob;\nALTER TABLE public.t ADD a int;\n";
    let lines = |rules| pass(rules, text).1.lines().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(lines(Rules { no_owner: true, ..Rules::default() })[0], "");
    assert_eq!(lines(Rules { no_acl: true, ..Rules::default() })[1], "");
    assert_eq!(lines(Rules { no_owner: true, no_acl: true, ..Rules::default() })[2], "ALTER TABLE public.t ADD a int;");
}

#[test]
fn names_survive_a_connection_string() {
    for name in ["shop", "a'b\\c", "x y=z"] {
        assert_eq!(target(&format!("-reuse-previous=on \"{}\"", conninfo(name).replace('"', "\"\""))).as_deref(), Some(name));
    }
}

#[test]
fn each_database_of_a_cluster_is_one_transaction() {
    let rules = Rules { connect: Connect::Allowed, ..Rules::default() };
    let start = "-- PostgreSQL database dump\n";
    let end = "-- PostgreSQL database dump complete\n";
    let text = format!(
        "\\connect postgres\nCREATE ROLE a;\n\\connect template1\n--\n{start}--\nSELECT 1;\n{end}\n{start}CREATE DATABASE x;\n\\connect x\n\nSELECT 2;\n{end}"
    );
    let (outcome, out, _) = pass(rules, &text);
    outcome.expect("as pg_dumpall writes it");
    let lines: Vec<&str> = out.lines().filter(|line| !line.starts_with("\\connect")).collect();
    assert_eq!(
        lines,
        [
            "CREATE ROLE a;",
            "--",
            &start[..27],
            "BEGIN; --",
            "SELECT 1;",
            "COMMIT;",
            "",
            &start[..27],
            "CREATE DATABASE x;",
            "BEGIN; ",
            "SELECT 2;",
            "COMMIT;"
        ]
    );
}

//! Compares the objects of a restored database with those of its source: inventories and sequence values.

use super::Expected;
use crate::domain::job::{Difference, Proof};
use crate::domain::schema::{Counter, InventoryItem, SequenceState, TableName};
use std::collections::{BTreeMap, HashMap};

/// The most characters of a definition that a difference shows.
const SHOWN: usize = 300;

/// Adds what differs, and counts what is equal.
pub fn objects(expected: &Expected<'_>, target: &str, inventory: &[InventoryItem], sequences: &[SequenceState], proof: &mut Proof) {
    let compared = |item: &&InventoryItem| match item.kind.as_str() {
        "owner" => !expected.ignore_owners,
        "acl" => !expected.ignore_acl,
        // They are rights, and named after the role that they are of.
        "default acl" => !expected.ignore_acl && !expected.ignore_owners,
        _ => true,
    };
    let wanted = by_name(expected.inventory.iter().filter(compared));
    let found = by_name(inventory.iter().filter(compared));
    let mut differ = |(kind, identity): &(&str, &str), expected: String, found: String| {
        proof.differences.push(Difference { database: target.to_owned(), object: format!("{kind} {identity}"), expected, found });
    };
    let mut equal = 0;
    for (name, wanted) in &wanted {
        match found.get(name) {
            None => differ(name, "there".into(), "missing".into()),
            Some(found) if found.len() != wanted.len() => differ(name, format!("{} times", wanted.len()), format!("{} times", found.len())),
            Some(found) => match wanted.iter().zip(found).find(|(wanted, found)| wanted != found) {
                Some((wanted, found)) if expected.same_version => differ(name, shortened(wanted), shortened(found)),
                _ => equal += wanted.len() as u64,
            },
        }
    }
    for name in found.keys().filter(|name| !wanted.contains_key(*name)) {
        differ(name, "not there".into(), "there".into());
    }
    let values: HashMap<&TableName, &SequenceState> = sequences.iter().map(|state| (&state.name, state)).collect();
    for wanted in &expected.database.sequences {
        let name = wanted.name.to_string();
        match values.get(&wanted.name) {
            Some(found) if *found == wanted || is_further(found, wanted) => equal += 1,
            Some(found) => differ(&("sequence", &name), state(wanted), state(found)),
            None => differ(&("sequence", &name), state(wanted), "missing".into()),
        }
    }
    proof.objects += equal;
}

/// Definitions by kind and identity, sorted: two objects that share a name in our eyes still compare.
fn by_name<'a>(items: impl Iterator<Item = &'a InventoryItem>) -> BTreeMap<(&'a str, &'a str), Vec<&'a str>> {
    let mut named: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for item in items {
        named.entry((&item.kind, &item.identity)).or_default().push(&item.definition);
    }
    named.values_mut().for_each(|definitions| definitions.sort_unstable());
    named
}

/// Whether a table goes on counting behind where it did.
fn is_further(found: &SequenceState, wanted: &SequenceState) -> bool {
    wanted.counter == Counter::Table && found.counter == Counter::Table && found.last_value > wanted.last_value
}

fn state(sequence: &SequenceState) -> String {
    format!("{} ({})", sequence.last_value, if sequence.is_called { "used" } else { "next" })
}

fn shortened(definition: &str) -> String {
    match definition.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &definition[..end]),
        None => definition.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::manifest;

    fn item(kind: &str, identity: &str, definition: &str) -> InventoryItem {
        InventoryItem { kind: kind.into(), identity: identity.into(), definition: definition.into() }
    }

    fn sequence(name: &str, last_value: i64) -> SequenceState {
        SequenceState { name: TableName::new("public", name), last_value, is_called: true, ..SequenceState::default() }
    }

    fn compare(same_version: bool, ignore: bool, found: &[InventoryItem], sequences: &[SequenceState]) -> Proof {
        let database = manifest::Database { sequences: vec![sequence("s", 5)], ..manifest::Database::default() };
        let expected = Expected {
            database: &database,
            inventory: vec![item("index", "public.i", "on a"), item("owner", "public.t", "bob"), item("acl", "public.t", "bob=r")],
            same_version,
            tables: Vec::new(),
            whole: true,
            ignore_owners: ignore,
            ignore_acl: ignore,
        };
        let mut proof = Proof::default();
        objects(&expected, "copy", found, sequences, &mut proof);
        proof
    }

    #[test]
    fn equal_is_equal_in_any_order() {
        let found = [item("acl", "public.t", "bob=r"), item("owner", "public.t", "bob"), item("index", "public.i", "on a")];
        let proof = compare(true, false, &found, &[sequence("s", 5)]);
        assert_eq!((proof.objects, proof.differences), (4, vec![]));
    }

    #[test]
    fn missing_changed_and_surplus_objects_are_named() {
        let found = [item("index", "public.i", "on b"), item("view", "public.v", "")];
        let proof = compare(true, true, &found, &[sequence("s", 6)]);
        let objects: Vec<_> = proof.differences.iter().map(|difference| difference.object.as_str()).collect();
        assert_eq!(objects, ["index public.i", "view public.v", "sequence public.s"]);
        assert_eq!((proof.differences[0].expected.as_str(), proof.differences[0].found.as_str()), ("on a", "on b"));
        let other_version = compare(false, true, &found[..1], &[]);
        assert_eq!(other_version.objects, 1, "definitions of other versions are written differently");
        assert_eq!(other_version.differences.len(), 1, "the sequence is missing: {:?}", other_version.differences);
        assert_eq!(compare(true, false, &[], &[]).differences.len(), 4);
    }
}

use super::*;

#[test]
fn what_is_not_begun_or_about_to_be_dropped_is_still_to_be_replaced() {
    let manifest = |stage| {
        let one = Database { stage, made: Made::Replaced, ..Database::default() };
        serde_json::from_value::<Manifest>(serde_json::json!({
            "format": 1, "operation": "restore-cluster", "archive": "a", "archive_id": "a", "run": "r", "server": "s", "started": "t",
            "total": 1, "succeeded": [], "failed": [], "skipped": [], "globals": true,
            "options": { "scope": { "cluster": { "include": [], "exclude": [], "parallel": 1 } }, "create": true, "no_owner": false,
                "no_acl": false, "no_tablespaces": false, "map_roles": [], "prove": false, "continue_on_error": false },
            "databases": { "a": one },
        }))
        .map(|manifest| Manifest { names: vec!["a".into()], ..manifest })
        .expect("a manifest")
    };
    assert!(manifest(Stage::Replacing).has_to_replace());
    assert!(!manifest(Stage::Making).has_to_replace());
    assert!(Manifest { names: vec!["a".into(), "b".into()], ..manifest(Stage::Making) }.has_to_replace());
}

#[test]
fn runs_of_chunks_are_joined() {
    let mut one = Database::default();
    for run in [4..6, 0..1, 1..4, 9..10, 7..7] {
        one.add("public.t", &run);
    }
    assert_eq!(one.tables["public.t"].chunks_done, [[0, 5], [9, 9]]);
}

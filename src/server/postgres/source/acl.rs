//! Rights as statements: what must be granted and revoked to get from an object's default rights to its own.

use crate::server::postgres::quote::ident;
use std::collections::BTreeMap;

/// SQL for one array of text with the entries of an ACL, as (grantee, right, with grant option) behind each other; PUBLIC is an empty name.
/// No ACL means the defaults.
pub fn entries(acl: &str, kind: char, owner: &str) -> String {
    let list = |acl: &str| {
        format!(
            "(SELECT coalesce(array_agg(x.part ORDER BY a.grantee, a.privilege_type, x.n), '{{}}') FROM aclexplode({acl}) a, \
             LATERAL (VALUES (1, CASE WHEN a.grantee = 0 THEN '' ELSE pg_get_userbyid(a.grantee)::text END), (2, a.privilege_type), \
             (3, a.is_grantable::text)) x(n, part))"
        )
    };
    format!("{}, {}", list(&format!("coalesce({acl}, acldefault('{kind}', {owner}))")), list(&format!("acldefault('{kind}', {owner})")))
}

/// By grantee and right: whether it may be passed on.
fn read(parts: &[String]) -> BTreeMap<(&str, &str), bool> {
    let mut rights = BTreeMap::new();
    for part in parts.chunks_exact(3) {
        *rights.entry((part[0].as_str(), part[1].as_str())).or_insert(false) |= part[2] == "true";
    }
    rights
}

/// GRANTs and REVOKEs that lead from one to the other. `object` is as the statement names it: `DATABASE "shop"`.
pub fn statements(object: &str, actual: &[String], default: &[String]) -> Vec<String> {
    let (actual, default) = (read(actual), read(default));
    let role = |name: &str| if name.is_empty() { "PUBLIC".to_owned() } else { ident(name) };
    let revokes = default
        .keys()
        .filter(|key| !actual.contains_key(*key))
        .map(|(grantee, right)| format!("REVOKE {right} ON {object} FROM {};", role(grantee)));
    let grants = actual.iter().filter(|(key, passes)| default.get(*key) != Some(*passes)).map(|((grantee, right), passes)| {
        format!("GRANT {right} ON {object} TO {}{};", role(grantee), if *passes { " WITH GRANT OPTION" } else { "" })
    });
    revokes.chain(grants).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_differences_from_the_default_are_stated() {
        let parts = |text: &str| text.split(',').map(str::to_owned).collect::<Vec<_>>();
        let default = parts(",CONNECT,false,,TEMPORARY,false,bob,CREATE,false");
        let actual = parts(",CONNECT,false,bob,CREATE,false,al\"x,CONNECT,true");
        assert_eq!(
            statements("DATABASE \"d\"", &actual, &default),
            ["REVOKE TEMPORARY ON DATABASE \"d\" FROM PUBLIC;", "GRANT CONNECT ON DATABASE \"d\" TO \"al\"\"x\" WITH GRANT OPTION;"]
        );
        assert!(statements("DATABASE \"d\"", &default, &default).is_empty());
    }
}

//! The kinds of objects that an inventory holds: where each is in the catalog, what names it, what defines it.

/// A kind of object: where it is and what is compared.
pub struct Kind {
    /// Its name, stable.
    pub name: &'static str,
    /// The catalog with the object's own row `x`, and joins.
    pub from: &'static str,
    /// The catalog whose oid the row has.
    pub catalog: &'static str,
    /// Which rows are the user's.
    pub filter: &'static str,
    /// What names it uniquely within its kind.
    pub identity: &'static str,
    /// What is compared.
    pub definition: &'static str,
    /// The column of its owner.
    pub owner: Option<&'static str>,
    /// The column of rights and the kind that `acldefault` knows.
    pub acl: Option<(&'static str, &'static str)>,
    /// The first version that has it.
    pub since: u32,
}

const fn kind(
    name: &'static str,
    catalog: &'static str,
    from: &'static str,
    filter: &'static str,
    identity: &'static str,
    definition: &'static str,
) -> Kind {
    Kind { name, from, catalog, filter, identity, definition, owner: None, acl: None, since: 0 }
}

impl Kind {
    const fn owned(mut self, owner: &'static str) -> Self {
        self.owner = Some(owner);
        self
    }

    const fn with_acl(mut self, column: &'static str, default: &'static str) -> Self {
        self.acl = Some((column, default));
        self
    }

    const fn since(mut self, version: u32) -> Self {
        self.since = version;
        self
    }
}

const NS: &str = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'";
const ANY: &str = "x.oid >= 16384";
const REL: &str = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND x.relpersistence <> 't'";

const FUNCTION: &str = "format('%I.%I(%s)', n.nspname, x.proname, pg_get_function_identity_arguments(x.oid))";

/// All kinds with one row an object; columns, comments and labels are read beside.
pub const KINDS: &[Kind] = &[
    kind("schema", "pg_namespace", "pg_namespace x", "x.nspname !~ '^pg_' AND x.nspname <> 'information_schema'", "quote_ident(x.nspname)", "''")
        .owned("x.nspowner")
        .with_acl("x.nspacl", "n"),
    kind("extension", "pg_extension", "pg_extension x", ANY, "quote_ident(x.extname)", "''"),
    kind(
        "table",
        "pg_class",
        "pg_class x JOIN pg_namespace n ON n.oid = x.relnamespace LEFT JOIN pg_am am ON am.oid = x.relam",
        "x.relkind IN ('r', 'p', 'f') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND x.relpersistence <> 't'",
        "format('%I.%I', n.nspname, x.relname)",
        "concat_ws(' ', x.relkind, x.relpersistence, am.amname, x.reloptions::text, 'rls', x.relrowsecurity, x.relforcerowsecurity, \
         'identity', x.relreplident, pg_get_partkeydef(x.oid), pg_get_expr(x.relpartbound, x.oid), \
         'of', nullif(x.reloftype::regtype::text, '-'), \
         'inherits', (SELECT string_agg(i.inhparent::regclass::text, ',' ORDER BY i.inhseqno) FROM pg_inherits i WHERE i.inhrelid = x.oid), \
         'foreign', (SELECT concat_ws(' ', s.srvname, (SELECT md5(string_agg(o, ',' ORDER BY o)) FROM unnest(f.ftoptions) o)) FROM pg_foreign_table f \
                     JOIN pg_foreign_server s ON s.oid = f.ftserver WHERE f.ftrelid = x.oid))",
    )
    .owned("x.relowner")
    .with_acl("x.relacl", "r"),
    kind(
        "view",
        "pg_class",
        "pg_class x JOIN pg_namespace n ON n.oid = x.relnamespace",
        "x.relkind = 'v' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND x.relpersistence <> 't'",
        "format('%I.%I', n.nspname, x.relname)",
        "concat_ws(' ', x.reloptions::text, md5(pg_get_viewdef(x.oid)))",
    )
    .owned("x.relowner")
    .with_acl("x.relacl", "r"),
    kind(
        "materialized view",
        "pg_class",
        "pg_class x JOIN pg_namespace n ON n.oid = x.relnamespace LEFT JOIN pg_am am ON am.oid = x.relam",
        "x.relkind = 'm' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'",
        "format('%I.%I', n.nspname, x.relname)",
        "concat_ws(' ', am.amname, x.reloptions::text, CASE WHEN x.relispopulated THEN 'populated' ELSE 'empty' END, md5(pg_get_viewdef(x.oid)))",
    )
    .owned("x.relowner")
    .with_acl("x.relacl", "r"),
    kind(
        "sequence",
        "pg_class",
        "pg_class x JOIN pg_namespace n ON n.oid = x.relnamespace JOIN pg_sequence s ON s.seqrelid = x.oid",
        REL,
        "format('%I.%I', n.nspname, x.relname)",
        "concat_ws(' ', x.relpersistence, s.seqtypid::regtype, 'start', s.seqstart, 'by', s.seqincrement, 'min', s.seqmin, 'max', s.seqmax, \
         'cache', s.seqcache, 'cycle', s.seqcycle, (SELECT concat_ws(' ', d.deptype, d.refobjid::regclass, a.attname) FROM pg_depend d \
         JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid WHERE d.classid = 'pg_class'::regclass AND d.objid = x.oid \
         AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')))",
    )
    .owned("x.relowner")
    .with_acl("x.relacl", "s"),
    kind(
        "constraint",
        "pg_constraint",
        "pg_constraint x JOIN pg_class c ON c.oid = x.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace",
        "x.contype <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND NOT EXISTS (SELECT 1 FROM pg_depend e \
         WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')",
        "format('%I.%I %I', n.nspname, c.relname, x.conname)",
        "concat_ws(' ', x.contype, pg_get_constraintdef(x.oid), 'validated', x.convalidated, 'local', x.conislocal, x.coninhcount)",
    ),
    kind(
        "index",
        "pg_class",
        "pg_class x JOIN pg_namespace n ON n.oid = x.relnamespace JOIN pg_index i ON i.indexrelid = x.oid",
        "x.relkind IN ('i', 'I') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND NOT EXISTS (SELECT 1 FROM pg_depend e \
         WHERE e.classid = 'pg_class'::regclass AND e.objid = i.indrelid AND e.deptype = 'e')",
        "format('%I.%I', n.nspname, x.relname)",
        "concat_ws(' ', pg_get_indexdef(x.oid), 'valid', i.indisvalid, 'clustered', i.indisclustered, 'identity', i.indisreplident, \
         'part of', (SELECT h.inhparent::regclass::text FROM pg_inherits h WHERE h.inhrelid = x.oid))",
    ),
    kind(
        "trigger",
        "pg_trigger",
        "pg_trigger x JOIN pg_class c ON c.oid = x.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace",
        "NOT x.tgisinternal AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'",
        "format('%I.%I %I', n.nspname, c.relname, x.tgname)",
        "concat_ws(' ', x.tgenabled, md5(pg_get_triggerdef(x.oid)))",
    ),
    kind(
        "rule",
        "pg_rewrite",
        "pg_rewrite x JOIN pg_class c ON c.oid = x.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace",
        "x.rulename <> '_RETURN' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'",
        "format('%I.%I %I', n.nspname, c.relname, x.rulename)",
        "concat_ws(' ', x.ev_enabled, md5(pg_get_ruledef(x.oid)))",
    ),
    kind(
        "policy",
        "pg_policy",
        "pg_policy x JOIN pg_class c ON c.oid = x.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace",
        NS,
        "format('%I.%I %I', n.nspname, c.relname, x.polname)",
        "concat_ws(' ', x.polcmd, x.polpermissive, (SELECT string_agg(CASE WHEN r = 0 THEN 'public' ELSE pg_get_userbyid(r)::text END, ',' ORDER BY \
         CASE WHEN r = 0 THEN 'public' ELSE pg_get_userbyid(r)::text END) FROM unnest(x.polroles) r), \
         'using', pg_get_expr(x.polqual, x.polrelid), 'check', pg_get_expr(x.polwithcheck, x.polrelid))",
    ),
    kind(
        "statistics",
        "pg_statistic_ext",
        "pg_statistic_ext x JOIN pg_namespace n ON n.oid = x.stxnamespace",
        NS,
        "format('%I.%I', n.nspname, x.stxname)",
        "concat_ws(' ', to_jsonb(x) ->> 'stxstattarget', pg_get_statisticsobjdef(x.oid))",
    )
    .owned("x.stxowner"),
    kind("function", "pg_proc", "pg_proc x JOIN pg_namespace n ON n.oid = x.pronamespace",
        "x.prokind IN ('f', 'w') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'", FUNCTION, "md5(pg_get_functiondef(x.oid))")
        .owned("x.proowner")
        .with_acl("x.proacl", "f"),
    kind("procedure", "pg_proc", "pg_proc x JOIN pg_namespace n ON n.oid = x.pronamespace",
        "x.prokind = 'p' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'", FUNCTION, "md5(pg_get_functiondef(x.oid))")
        .owned("x.proowner")
        .with_acl("x.proacl", "f"),
    kind(
        "aggregate",
        "pg_proc",
        "pg_proc x JOIN pg_namespace n ON n.oid = x.pronamespace JOIN pg_aggregate g ON g.aggfnoid = x.oid",
        NS,
        FUNCTION,
        "concat_ws(' ', g.aggkind, g.aggtransfn::regprocedure, g.aggfinalfn::regproc, g.aggcombinefn::regproc, g.aggserialfn::regproc, \
         g.aggdeserialfn::regproc, g.aggmtransfn::regproc, g.aggminvtransfn::regproc, g.aggmfinalfn::regproc, g.aggfinalextra, g.aggfinalmodify, \
         g.aggsortop::regoper, g.aggtranstype::regtype, g.agginitval, g.aggminitval, x.proparallel)",
    )
    .owned("x.proowner")
    .with_acl("x.proacl", "f"),
    kind(
        "type",
        "pg_type",
        "pg_type x JOIN pg_namespace n ON n.oid = x.typnamespace LEFT JOIN pg_class c ON c.oid = x.typrelid LEFT JOIN pg_range r ON r.rngtypid = x.oid",
        "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND (x.typrelid = 0 OR c.relkind = 'c') \
         AND NOT EXISTS (SELECT 1 FROM pg_type el WHERE el.typarray = x.oid) AND NOT (x.typtype = 'm' AND x.typname IS NULL)",
        "format('%I.%I', n.nspname, x.typname)",
        "concat_ws(' ', x.typtype, x.typisdefined, CASE WHEN x.typtype = 'd' THEN concat_ws(' ', format_type(x.typbasetype, x.typtypmod), x.typnotnull, \
         x.typdefault, x.typcollation::regcollation) END, (SELECT string_agg(quote_literal(e.enumlabel), ',' ORDER BY e.enumsortorder) \
         FROM pg_enum e WHERE e.enumtypid = x.oid), (SELECT string_agg(quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod), ',' \
         ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = x.typrelid AND a.attnum > 0 AND NOT a.attisdropped AND x.typrelid <> 0), \
         r.rngsubtype::regtype, r.rngcanonical::regproc, r.rngsubdiff::regproc, CASE WHEN x.typtype = 'b' THEN concat_ws(' ', x.typlen, x.typbyval, \
         x.typalign, x.typstorage, x.typinput::regproc, x.typoutput::regproc, x.typreceive::regproc, x.typsend::regproc, x.typdelim) END)",
    )
    .owned("x.typowner")
    .with_acl("x.typacl", "T"),
    kind(
        "domain constraint",
        "pg_constraint",
        "pg_constraint x JOIN pg_type t ON t.oid = x.contypid JOIN pg_namespace n ON n.oid = t.typnamespace",
        // NOT NULL of a domain is a constraint since version 17; before and after, the domain's own definition says it.
        "x.contype <> 'n' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'",
        "format('%I.%I %I', n.nspname, t.typname, x.conname)",
        "concat_ws(' ', pg_get_constraintdef(x.oid), 'validated', x.convalidated)",
    ),
    kind("cast", "pg_cast", "pg_cast x", ANY, "format('%s AS %s', x.castsource::regtype, x.casttarget::regtype)",
        "concat_ws(' ', x.castcontext, x.castmethod, nullif(x.castfunc, 0)::regprocedure)"),
    kind(
        "operator",
        "pg_operator",
        "pg_operator x JOIN pg_namespace n ON n.oid = x.oprnamespace",
        "x.oprcode <> 0 AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'",
        "format('%I.%s (%s, %s)', n.nspname, x.oprname, nullif(x.oprleft, 0)::regtype, nullif(x.oprright, 0)::regtype)",
        "concat_ws(' ', x.oprcode::regprocedure, x.oprresult::regtype, nullif(x.oprcom, 0)::regoperator, nullif(x.oprnegate, 0)::regoperator, \
         x.oprrest::regproc, x.oprjoin::regproc, x.oprcanmerge, x.oprcanhash)",
    )
    .owned("x.oprowner"),
    kind(
        "operator class",
        "pg_opclass",
        "pg_opclass x JOIN pg_namespace n ON n.oid = x.opcnamespace JOIN pg_am m ON m.oid = x.opcmethod JOIN pg_opfamily f ON f.oid = x.opcfamily \
         JOIN pg_namespace fn ON fn.oid = f.opfnamespace",
        NS,
        "format('%I.%I USING %I', n.nspname, x.opcname, m.amname)",
        "concat_ws(' ', x.opcintype::regtype, x.opcdefault, nullif(x.opckeytype, 0)::regtype, format('%I.%I', fn.nspname, f.opfname))",
    )
    .owned("x.opcowner"),
    kind(
        "operator family",
        "pg_opfamily",
        "pg_opfamily x JOIN pg_namespace n ON n.oid = x.opfnamespace JOIN pg_am m ON m.oid = x.opfmethod",
        NS,
        "format('%I.%I USING %I', n.nspname, x.opfname, m.amname)",
        "md5(concat_ws(' ', (SELECT string_agg(concat_ws(' ', o.amopstrategy, o.amopopr::regoperator, o.amoppurpose), ',' ORDER BY o.amopstrategy, \
         o.amoplefttype::regtype::text, o.amoprighttype::regtype::text, o.amoppurpose) FROM pg_amop o WHERE o.amopfamily = x.oid), \
         (SELECT string_agg(concat_ws(' ', p.amprocnum, p.amproc::regprocedure), ',' ORDER BY p.amprocnum, p.amproclefttype::regtype::text, \
         p.amprocrighttype::regtype::text) FROM pg_amproc p WHERE p.amprocfamily = x.oid)))",
    )
    .owned("x.opfowner"),
    kind("conversion", "pg_conversion", "pg_conversion x JOIN pg_namespace n ON n.oid = x.connamespace", NS,
        "format('%I.%I', n.nspname, x.conname)",
        "concat_ws(' ', pg_encoding_to_char(x.conforencoding), pg_encoding_to_char(x.contoencoding), x.conproc::regproc, x.condefault)")
        .owned("x.conowner"),
    kind(
        "collation",
        "pg_collation",
        "pg_collation x JOIN pg_namespace n ON n.oid = x.collnamespace",
        NS,
        "format('%I.%I', n.nspname, x.collname)",
        "concat_ws(' ', x.collprovider, x.collisdeterministic, x.collcollate, x.collctype, coalesce(to_jsonb(x) ->> 'colllocale', \
         to_jsonb(x) ->> 'colliculocale'), to_jsonb(x) ->> 'collicurules')",
    )
    .owned("x.collowner"),
    kind("text search configuration", "pg_ts_config",
        "pg_ts_config x JOIN pg_namespace n ON n.oid = x.cfgnamespace JOIN pg_ts_parser p ON p.oid = x.cfgparser", NS,
        "format('%I.%I', n.nspname, x.cfgname)",
        "concat_ws(' ', p.prsname, (SELECT string_agg(concat_ws(' ', m.maptokentype, m.mapdict::regdictionary), ',' ORDER BY m.maptokentype, m.mapseqno) \
         FROM pg_ts_config_map m WHERE m.mapcfg = x.oid))")
        .owned("x.cfgowner"),
    kind("text search dictionary", "pg_ts_dict",
        "pg_ts_dict x JOIN pg_namespace n ON n.oid = x.dictnamespace JOIN pg_ts_template t ON t.oid = x.dicttemplate", NS,
        "format('%I.%I', n.nspname, x.dictname)", "concat_ws(' ', t.tmplname, x.dictinitoption)")
        .owned("x.dictowner"),
    kind("text search parser", "pg_ts_parser", "pg_ts_parser x JOIN pg_namespace n ON n.oid = x.prsnamespace", NS,
        "format('%I.%I', n.nspname, x.prsname)",
        "concat_ws(' ', x.prsstart::regproc, x.prstoken::regproc, x.prsend::regproc, x.prsheadline::regproc, x.prslextype::regproc)"),
    kind("text search template", "pg_ts_template", "pg_ts_template x JOIN pg_namespace n ON n.oid = x.tmplnamespace", NS,
        "format('%I.%I', n.nspname, x.tmplname)", "concat_ws(' ', x.tmplinit::regproc, x.tmpllexize::regproc)"),
    kind("foreign data wrapper", "pg_foreign_data_wrapper", "pg_foreign_data_wrapper x", ANY, "quote_ident(x.fdwname)",
        "concat_ws(' ', x.fdwhandler::regproc, x.fdwvalidator::regproc, (SELECT md5(string_agg(o, ',' ORDER BY o)) FROM unnest(x.fdwoptions) o))")
        .owned("x.fdwowner")
        .with_acl("x.fdwacl", "F"),
    kind("server", "pg_foreign_server", "pg_foreign_server x JOIN pg_foreign_data_wrapper w ON w.oid = x.srvfdw", ANY, "quote_ident(x.srvname)",
        "concat_ws(' ', w.fdwname, x.srvtype, x.srvversion, (SELECT md5(string_agg(o, ',' ORDER BY o)) FROM unnest(x.srvoptions) o))")
        .owned("x.srvowner")
        .with_acl("x.srvacl", "S"),
    kind("user mapping", "pg_user_mapping",
        "(SELECT m.umid AS oid, m.usename, m.srvname, m.umoptions FROM pg_user_mappings m) x", ANY, "format('%I %I', x.usename, x.srvname)",
        "coalesce((SELECT md5(string_agg(o, ',' ORDER BY o)) FROM unnest(x.umoptions) o), '')"),
    kind("transform", "pg_transform", "pg_transform x JOIN pg_language l ON l.oid = x.trflang", ANY,
        "format('%s FOR %I', x.trftype::regtype, l.lanname)", "concat_ws(' ', x.trffromsql::regprocedure, x.trftosql::regprocedure)"),
    kind("access method", "pg_am", "pg_am x", ANY, "quote_ident(x.amname)", "concat_ws(' ', x.amtype, x.amhandler::regproc)"),
    kind("language", "pg_language", "pg_language x", ANY, "quote_ident(x.lanname)",
        "concat_ws(' ', x.lanpltrusted, nullif(x.lanplcallfoid, 0)::regproc, nullif(x.laninline, 0)::regproc, nullif(x.lanvalidator, 0)::regproc)")
        .owned("x.lanowner")
        .with_acl("x.lanacl", "l"),
    kind("event trigger", "pg_event_trigger", "pg_event_trigger x", ANY, "quote_ident(x.evtname)",
        "concat_ws(' ', x.evtevent, x.evtenabled, x.evttags::text, x.evtfoid::regproc)")
        .owned("x.evtowner"),
    kind("publication", "pg_publication", "pg_publication x", ANY, "quote_ident(x.pubname)",
        "concat_ws(' ', x.puballtables, x.pubinsert, x.pubupdate, x.pubdelete, x.pubtruncate, x.pubviaroot, to_jsonb(x) ->> 'pubgencols')")
        .owned("x.pubowner"),
    kind("publication table", "pg_publication_rel", "pg_publication_rel x JOIN pg_publication p ON p.oid = x.prpubid", ANY,
        "format('%I %s', p.pubname, x.prrelid::regclass)", "''"),
    kind("publication schema", "pg_publication_namespace",
        "pg_publication_namespace x JOIN pg_publication p ON p.oid = x.pnpubid JOIN pg_namespace n ON n.oid = x.pnnspid", ANY,
        "format('%I %I', p.pubname, n.nspname)", "''")
        .since(150_000),
    kind("publication filter", "pg_publication_rel", "pg_publication_rel x JOIN pg_publication p ON p.oid = x.prpubid", 
        "(x.prqual IS NOT NULL OR x.prattrs IS NOT NULL)", "format('%I %s', p.pubname, x.prrelid::regclass)",
        "concat_ws(' ', pg_get_expr(x.prqual, x.prrelid), (SELECT string_agg(quote_ident(a.attname), ',' ORDER BY a.attname) FROM pg_attribute a \
         WHERE a.attrelid = x.prrelid AND a.attnum = ANY (x.prattrs)))")
        .since(150_000),
    // Restored subscriptions are disabled and have no slot, so only what they subscribe to is compared.
    kind("subscription", "pg_subscription", "pg_subscription x", "x.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())",
        "quote_ident(x.subname)", "array_to_string(x.subpublications, ',')")
        .owned("x.subowner"),
    kind("default acl", "pg_default_acl", "pg_default_acl x LEFT JOIN pg_namespace n ON n.oid = x.defaclnamespace", ANY,
        "format('%s in %s for %s', pg_get_userbyid(x.defaclrole), coalesce(quote_ident(n.nspname), 'any schema'), x.defaclobjtype)",
        "(SELECT string_agg(concat(CASE WHEN a.grantee = 0 THEN 'public' ELSE pg_get_userbyid(a.grantee)::text END, '=', a.privilege_type, \
         CASE WHEN a.is_grantable THEN '*' END), ' ' ORDER BY concat(CASE WHEN a.grantee = 0 THEN 'public' ELSE pg_get_userbyid(a.grantee)::text \
         END, '=', a.privilege_type)) FROM aclexplode(x.defaclacl) a)"),
];

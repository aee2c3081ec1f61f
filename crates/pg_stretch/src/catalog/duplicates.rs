//! Whether two rows of a table have one key of a unique index, or exclude each other: a query over all rows, hot and
//! cold, by the operators that the index has.

use super::snapshot::Latest;
use crate::pg::error::{Error, Result};
use crate::pg::local_settings::{LocalSettings, PATH};
use crate::pg::text::Text;
use crate::pg::{names, spi, user};
use pgrx::pg_sys;
use stretch_core::errors;

/// Another index that says the same, and is valid: then nothing is to be looked at. REINDEX CONCURRENTLY makes such.
const KNOWN: &str = "
    SELECT EXISTS (SELECT FROM pg_index n JOIN pg_index o ON o.indrelid = n.indrelid AND o.indexrelid <> n.indexrelid
        WHERE n.indexrelid = $1 AND o.indisunique AND o.indisvalid AND o.indisready AND o.indimmediate
            AND o.indnkeyatts = n.indnkeyatts AND o.indkey = n.indkey AND o.indclass = n.indclass
            AND o.indcollation = n.indcollation AND o.indnullsnotdistinct = n.indnullsnotdistinct
            AND pg_get_expr(o.indexprs, o.indrelid) IS NOT DISTINCT FROM pg_get_expr(n.indexprs, n.indrelid)
            AND pg_get_expr(o.indpred, o.indrelid) IS NOT DISTINCT FROM pg_get_expr(n.indpred, n.indrelid))";

/// Whether GROUP BY compares keys as the index does: by the usual operator class of each type, or one of bytes.
const USUAL: &str = "
    SELECT bool_and(c.opcdefault OR c.opcname IN ('text_pattern_ops', 'varchar_pattern_ops', 'bpchar_pattern_ops'))
    FROM pg_index i, unnest(i.indclass::oid[]) WITH ORDINALITY k(class, number), pg_opclass c
    WHERE i.indexrelid = $1 AND c.oid = k.class AND k.number <= i.indnkeyatts";

/// The query that finds a key which is there twice, as the texts of its values. An index leaves out rows with a NULL in
/// the key unless it says otherwise.
const QUERY: &str = "
    SELECT format('SELECT concat_ws('', '', %s) FROM (SELECT %s FROM ONLY %s WHERE %s) keys GROUP BY %s
            HAVING count(*) > 1 LIMIT 1',
        string_agg(format('coalesce(k%s::text, ''null'')', number), ', ' ORDER BY number),
        string_agg(format('%s AS k%s', part, number), ', ' ORDER BY number),
        i.indrelid::regclass,
        concat_ws(' AND ', coalesce('(' || pg_get_expr(i.indpred, i.indrelid) || ')', 'true'),
            CASE WHEN NOT i.indnullsnotdistinct
                THEN string_agg(format('(%s) IS DISTINCT FROM NULL', part), ' AND ' ORDER BY number) END),
        string_agg('k' || number, ', ' ORDER BY number))
    FROM pg_index i, unnest(i.indcollation::oid[]) WITH ORDINALITY k(collation_id, number),
        LATERAL (SELECT '(' || pg_get_indexdef(i.indexrelid, number::int, false) || ')'
            || coalesce((SELECT format(' COLLATE %I.%I', n.nspname, c.collname) FROM pg_collation c
                JOIN pg_namespace n ON n.oid = c.collnamespace WHERE c.oid = collation_id), '') AS part) p
    WHERE i.indexrelid = $1 AND number <= i.indnkeyatts
    GROUP BY i.indexrelid, i.indrelid, i.indpred, i.indnullsnotdistinct";

/// The query that finds two rows which an exclusion constraint does not allow together. Its operators are commutative,
/// so that each pair is looked at once, by the identities of the rows.
const PAIRS: &str = "
    SELECT format('SELECT concat_ws('', '', %s) FROM (%s) a JOIN (%2$s) b ON a.place < b.place AND %s LIMIT 1',
        string_agg(format('coalesce(a.k%s::text, ''null'')', number), ', ' ORDER BY number),
        format('SELECT ctid AS place, %s FROM ONLY %s WHERE %s',
            string_agg(format('%s AS k%s', part, number), ', ' ORDER BY number), i.indrelid::regclass,
            coalesce('(' || pg_get_expr(i.indpred, i.indrelid) || ')', 'true')),
        string_agg(format('a.k%s OPERATOR(%I.%s) b.k%1$s', number, n.nspname, o.oprname), ' AND ' ORDER BY number))
    FROM pg_index i JOIN pg_constraint c ON c.conindid = i.indexrelid AND c.conrelid = i.indrelid AND c.contype = 'x',
        unnest(i.indcollation::oid[], c.conexclop) WITH ORDINALITY k(collation_id, operator, number),
        pg_operator o, pg_namespace n,
        LATERAL (SELECT '(' || pg_get_indexdef(i.indexrelid, number::int, false) || ')'
            || coalesce((SELECT format(' COLLATE %I.%I', s.nspname, l.collname) FROM pg_collation l
                JOIN pg_namespace s ON s.oid = l.collnamespace WHERE l.oid = collation_id), '') AS part) p
    WHERE i.indexrelid = $1 AND number <= i.indnkeyatts AND o.oid = operator AND n.oid = o.oprnamespace
    GROUP BY i.indexrelid, i.indrelid, i.indpred";

/// What was found of one index.
pub enum Found {
    /// No two rows are in each other's way.
    Nothing,
    /// A sentence that names a key.
    Clash(String),
    /// An operator class is not the usual one of its type, so that cold rows cannot be asked.
    Unusual,
}

/// For a new index: 23505 where two rows have one key.
pub fn check(table: pg_sys::Oid, index: pg_sys::Oid, latest: &Latest) -> Result<()> {
    {
        let _path = LocalSettings::path();
        if spi::get::<bool>(KNOWN, &[index.into()])? == Some(true) {
            return Ok(());
        }
    }
    let name = names::bare_relation(index);
    match unique(table, index, latest)? {
        Found::Nothing => Ok(()),
        Found::Unusual => Err(Error::new(
            &errors::UNSUPPORTED,
            format!("stretched table {} cannot get the unique index", names::relation(table)),
        )
        .detail(format!(
            "An operator class of index \"{name}\" is not the usual one of its type, so that cold rows cannot be asked."
        ))
        .hint("Give the table the index before it is stretched.")),
        Found::Clash(detail) => Err(Error::new(
            &errors::KEY_IS_COLD,
            format!("could not create unique index \"{name}\""),
        )
        .detail(detail)
        .constraint(names::schema(table), names::bare_relation(table), &name)),
    }
}

/// Looks for two rows that have one key of a unique index.
pub fn unique(table: pg_sys::Oid, index: pg_sys::Oid, latest: &Latest) -> Result<Found> {
    let (_owner, _settings) = as_owner(table);
    if spi::get::<bool>(USUAL, &[index.into()])? != Some(true) {
        return Ok(Found::Unusual);
    }
    Ok(match first(QUERY, index, latest)? {
        None => Found::Nothing,
        Some(key) => Found::Clash(format!("Key ({})=({key}) is duplicated.", columns(index)?)),
    })
}

/// Looks for two rows that an exclusion constraint does not allow together.
pub fn excluded(table: pg_sys::Oid, index: pg_sys::Oid, latest: &Latest) -> Result<Found> {
    let (_owner, _settings) = as_owner(table);
    Ok(match first(PAIRS, index, latest)? {
        None => Found::Nothing,
        Some(key) => Found::Clash(format!(
            "Key ({})=({key}) conflicts with that of another row.",
            columns(index)?
        )),
    })
}

/// The rows are the owner's, past his own policies; what he wrote into the index runs with no more rights than his.
fn as_owner(table: pg_sys::Oid) -> (user::ActAs, LocalSettings) {
    let owner = user::ActAs::owner_past_policies(user::relation_owner(table));
    (
        owner,
        LocalSettings::new(&[PATH, (c"max_parallel_workers_per_gather", c"0")]),
    )
}

/// What the query gives that another one writes for an index.
fn first(query: &str, index: pg_sys::Oid, latest: &Latest) -> Result<Option<String>> {
    let query = spi::get::<Text>(query, &[index.into()])?;
    let query = query.ok_or_else(|| Error::internal("an index is not in the catalog"))?;
    // SAFETY: the snapshot is registered as long as `latest` lives.
    unsafe { spi::text_under(&query, latest.get()) }
}

/// The columns and expressions of a key, for a message.
fn columns(index: pg_sys::Oid) -> Result<String> {
    let sql = "SELECT string_agg(pg_get_indexdef(i.indexrelid, number, false), ', ' ORDER BY number)
        FROM pg_index i, generate_series(1, i.indnkeyatts) number WHERE i.indexrelid = $1";
    Ok(spi::get::<Text>(sql, &[index.into()])?.unwrap_or_default().into())
}

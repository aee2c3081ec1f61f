//! Why a table cannot be stretched: every reason at once, each with its way out (design §4).

use crate::pg::error::{Error, Result};
use crate::pg::spi;
use crate::pg::text::Text;
use pgrx::pg_sys;
use stretch_core::errors;

/// One reason.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// What it is about: `kind`, `foreign key`, `trigger` …
    pub item: String,
    /// Why this stands in the way, naming the object.
    pub reason: String,
    /// What to do about it.
    pub hint: String,
}

/// Each branch selects item, reason and hint for relation `$1`; names come quoted.
const REASONS: &str = r"
WITH c AS (
    SELECT c.*, n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1
), up(relation) AS (
    SELECT $1::oid UNION SELECT relid::oid FROM pg_partition_ancestors($1)
), r(item, reason, hint) AS (
    SELECT 'kind', format('it is %s', CASE relkind WHEN 'f' THEN 'a foreign table' WHEN 'v' THEN 'a view'
        WHEN 'm' THEN 'a materialized view' ELSE 'not a table' END), 'Only ordinary tables can be stretched'
    FROM c WHERE relkind NOT IN ('r', 'p')
  UNION ALL
    SELECT 'kind', 'it is a temporary table', 'Use a permanent table' FROM c WHERE relpersistence = 't'
  UNION ALL
    SELECT 'kind', 'it is an unlogged table', format('Use ALTER TABLE %s SET LOGGED', $1::regclass) FROM c
        WHERE relpersistence = 'u'
  UNION ALL
    SELECT 'kind', 'it is a system table or one of this extension', 'Only tables of users can be stretched' FROM c
    WHERE oid < 16384 OR nspname IN ('pg_catalog', 'information_schema', 'pg_toast', 'stretch')
  UNION ALL
    SELECT 'kind', 'its type is given by a composite type (CREATE TABLE ... OF)', format('Use ALTER TABLE %s NOT OF',
        $1::regclass) FROM c
    WHERE reloftype <> 0
  UNION ALL
    SELECT 'kind', 'its access method is not heap', format('Use ALTER TABLE %s SET ACCESS METHOD heap', $1::regclass)
        FROM c
    WHERE relkind = 'r' AND relam <> (SELECT oid FROM pg_am WHERE amname = 'heap')
  UNION ALL
    SELECT 'publication', CASE WHEN puballtables
            THEN format('publication %I of all tables publishes the catalog of pg_stretch as well', pubname)
            ELSE format('publication %I publishes its deletes, and would publish every migration as a DELETE', pubname)
        END,
        CASE WHEN puballtables THEN 'Publish tables by name, or FOR TABLES IN SCHEMA, instead of FOR ALL TABLES'
             ELSE format('Use ALTER PUBLICATION %I SET (publish = %L)', pubname, array_to_string(ARRAY[
                CASE WHEN pubinsert THEN 'insert' END, CASE WHEN pubupdate THEN 'update' END,
                CASE WHEN pubtruncate THEN 'truncate' END], ', ')) END
    FROM pg_publication p
    WHERE puballtables OR (pubdelete AND (
        EXISTS (SELECT FROM pg_publication_rel WHERE prpubid = p.oid AND prrelid IN (SELECT * FROM up))
        OR EXISTS (SELECT FROM pg_publication_namespace s JOIN pg_class t ON t.relnamespace = s.pnnspid
                   WHERE s.pnpubid = p.oid AND t.oid IN (SELECT * FROM up))))
  UNION ALL
    SELECT 'subscription', 'it belongs to a subscription, whose worker does not see the cold rows',
        'Take the table out of the publication at the other side and refresh the subscription'
    FROM pg_subscription_rel WHERE srrelid = $1
  UNION ALL
    SELECT 'exclusion constraint', format('no column of the exclusion constraint %I is compared for equality, '
            'so that each new row would have to be compared with all cold rows', conname),
        format('Use ALTER TABLE %s DROP CONSTRAINT %I', $1::regclass, conname)
    FROM pg_constraint WHERE conrelid = $1 AND contype = 'x' AND NOT EXISTS (
        SELECT FROM pg_amop o JOIN pg_am a ON a.oid = o.amopmethod JOIN pg_opclass d ON d.opcfamily = o.amopfamily
        WHERE o.amopopr = ANY (conexclop) AND amname = 'btree' AND amopstrategy = 3 AND opcdefault)
  UNION ALL
    SELECT 'unique index', format('the unique index %s is not valid', indexrelid::regclass),
        format('Use REINDEX INDEX %s', indexrelid::regclass)
    FROM pg_index, c WHERE indrelid = $1 AND indisunique AND NOT indisvalid AND relkind = 'r'
  UNION ALL
    SELECT 'trigger', 'pg_repack is at work on it, and would double the rows that migrate meanwhile',
        format('Wait for pg_repack to end, or use DROP TRIGGER repack_trigger ON %s', $1::regclass)
    FROM pg_trigger WHERE tgrelid = $1 AND tgname = 'repack_trigger'
  UNION ALL
    SELECT 'trigger', format('the row trigger %I is ENABLE ALWAYS: '
            'a tool that copies the table by it would not see migrations', tgname),
        format('Use ALTER TABLE %s ENABLE TRIGGER %I', $1::regclass, tgname)
    FROM pg_trigger, c WHERE tgrelid = $1 AND NOT tgisinternal AND tgenabled = 'A' AND tgtype & 1 = 1
        AND tgname <> 'repack_trigger' AND relkind = 'r'
  UNION ALL
    SELECT 'rule', format('the rule %I could redirect rows past the cold side', rulename),
        format('Use DROP RULE %I ON %s', rulename, $1::regclass)
    FROM pg_rewrite JOIN c ON c.oid = ev_class WHERE relkind IN ('r', 'p')
  UNION ALL
    SELECT 'setting', 'old_snapshot_threshold is set, so that a scan may lose the rows that it is about to move',
        'Set old_snapshot_threshold = -1 and restart the server'
    WHERE current_setting('old_snapshot_threshold') <> '-1'
)
SELECT item, reason, hint || '.' FROM r";

/// Every reason why the relation itself cannot be stretched; for a partitioned table those that its partitions do not
/// have.
pub fn of_table(relation: pg_sys::Oid) -> Result<Vec<Refusal>> {
    spi::rows(REASONS, &[relation.into()], |row| {
        Ok(Refusal {
            item: row.get::<Text>(1)?.unwrap_or_default().into(),
            reason: row.get::<Text>(2)?.unwrap_or_default().into(),
            hint: row.get::<Text>(3)?.unwrap_or_default().into(),
        })
    })
}

/// The filter's error as one more reason.
pub fn of_filter(error: &Error) -> Refusal {
    Refusal {
        item: "filter".into(),
        reason: error.message.clone(),
        hint: error
            .hint
            .clone()
            .unwrap_or_else(|| errors::FILTER_UNFIT.hint.to_string()),
    }
}

/// One error that lists all of them.
pub fn error(table: &str, refusals: &[Refusal]) -> Error {
    let lines: Vec<String> = refusals
        .iter()
        .map(|r| format!("{}: {}. {}", r.item, r.reason, r.hint))
        .collect();
    Error::new(&errors::TABLE_UNFIT, format!("table {table} cannot be stretched"))
        .detail(lines.join("\n"))
        .hint(format!(
            "SELECT * FROM stretch.check_table('{}') lists these reasons.",
            table.replace('\'', "''")
        ))
}

//! What the catalog says of branches, tables and segments: one side of a comparison with the endpoint.

use crate::catalog::rows::{Binding, Database, StretchedTable};
use crate::catalog::tables;
use crate::endpoint::open;
use crate::pg::error::{Error, Result};
use crate::pg::spi;
use crate::pg::text::Text;
use pgrx::pg_sys;
use std::collections::BTreeSet;
use stretch_core::ids::{SegmentId, TableId};
use stretch_core::reconcile::CatalogSegment;
use stretch_endpoint::keys::branch_of;
use uuid::Uuid;

/// What the catalog of this moment says.
pub struct Recorded {
    pub database: Database,
    pub binding: Option<Binding>,
    pub tables: Vec<StretchedTable>,
    pub segments: Vec<CatalogSegment>,
    /// SHA-256 of each segment, in the same order.
    pub hashes: Vec<[u8; 32]>,
}

impl Recorded {
    /// Reads it in the current transaction.
    pub fn read(snapshot: pg_sys::Snapshot) -> Result<Self> {
        Self::of(snapshot, "SELECT segment_id FROM stretch.segment WHERE NOT retired")
    }

    /// The same, with the segments alone that a table left behind and could take up again.
    pub fn abandoned(snapshot: pg_sys::Snapshot, table: &TableId) -> Result<Self> {
        let mut catalog = Self::of(snapshot, "SELECT segment_id FROM stretch.segment WHERE abandoned")?;
        catalog.keep_only(Some(*table));
        Ok(catalog)
    }

    fn of(snapshot: pg_sys::Snapshot, wanted: &str) -> Result<Self> {
        let database = tables::database(snapshot)?.ok_or_else(crate::catalog::stretched::not_enabled)?;
        open::check_format(&database)?;
        let stretched = tables::stretched_tables(snapshot)?;
        let (segments, hashes) = segments(wanted)?;
        Ok(Self {
            database,
            binding: tables::binding(snapshot)?,
            tables: stretched,
            segments,
            hashes,
        })
    }

    /// The branches whose objects this catalog refers to.
    pub fn branches(&self) -> Vec<Uuid> {
        let mut branches: Vec<Uuid> = self.database.lineage.iter().map(|branch| branch.uuid()).collect();
        branches.extend(self.binding.as_ref().map(|binding| binding.branch_id.uuid()));
        branches.extend(
            self.segments
                .iter()
                .filter_map(|segment| branch_of(segment.object_key.as_deref()?)),
        );
        branches.sort_unstable();
        branches.dedup();
        branches
    }

    /// The branch on which this database lived last: of a dump the last one of its lineage.
    pub fn own_branch(&self) -> Option<Uuid> {
        let bound = self.binding.as_ref().map(|binding| binding.branch_id.uuid());
        bound.or(self.database.lineage.last().map(|branch| branch.uuid()))
    }

    /// The same with the branch that is being made. A call that was interrupted may have made copies there, and their
    /// originals may be gone by now.
    pub fn branches_and(&self, own: Uuid) -> Vec<Uuid> {
        let mut branches = self.branches();
        if !branches.contains(&own) {
            branches.push(own);
        }
        branches
    }

    /// The branch from which `branch` is made. An interrupted call may have bound `branch` itself already.
    pub fn parent_of(&self, branch: Uuid) -> Option<Uuid> {
        let lineage = self.database.lineage.iter().map(|known| known.uuid());
        let bound = self.binding.as_ref().map(|binding| binding.branch_id.uuid());
        let mut before = lineage.filter(|known| *known != branch);
        before.next_back().or(bound.filter(|bound| *bound != branch))
    }

    /// Keeps one table and its segments, if one is given.
    pub fn keep_only(&mut self, table: Option<TableId>) {
        let Some(table) = table else {
            return;
        };
        let keep: Vec<bool> = self.segments.iter().map(|segment| segment.table_id == table).collect();
        let mut flags = keep.iter();
        self.segments.retain(|_| *flags.next().unwrap_or(&false));
        let mut flags = keep.iter();
        self.hashes.retain(|_| *flags.next().unwrap_or(&false));
        self.tables.retain(|stretched| stretched.table_id == table);
    }
}

/// The segments that a query names, with their checksums.
fn segments(wanted: &str) -> Result<(Vec<CatalogSegment>, Vec<[u8; 32]>)> {
    let rows = spi::rows(
        &format!(
            "SELECT segment_id, table_id, object_key, byte_size, etag, staged, uploaded_at IS NOT NULL, sha256
               FROM stretch.segment WHERE segment_id IN ({wanted}) ORDER BY segment_id"
        ),
        &[],
        |row| {
            let uuid = |number| {
                row.get::<pgrx::Uuid>(number)
                    .map(|id| id.map(|id| Uuid::from_bytes(*id.as_bytes())))
            };
            Ok((
                uuid(1)?.zip(uuid(2)?),
                row.get::<Text>(3)?.map(String::from),
                row.get::<i64>(4)?,
                row.get::<Text>(5)?.map(String::from),
                row.get::<bool>(6)?,
                row.get::<bool>(7)?,
                row.get::<Vec<u8>>(8)?,
            ))
        },
    )?;
    let mut segments = Vec::with_capacity(rows.len());
    let mut hashes = Vec::with_capacity(rows.len());
    for (ids, object_key, size, etag, staged, uploaded, sha256) in rows {
        let (Some((segment, table)), Some(size), Some(sha256)) =
            (ids, size, sha256.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok()))
        else {
            return Err(Error::internal("a row of stretch.segment is damaged"));
        };
        segments.push(CatalogSegment {
            segment_id: SegmentId::from_uuid(segment),
            table_id: TableId::from_uuid(table),
            object_key,
            byte_size: size as u64,
            etag,
            staged: staged.unwrap_or(false),
            uploaded: uploaded.unwrap_or(false),
        });
        hashes.push(sha256);
    }
    Ok((segments, hashes))
}

/// The segments that the catalog knows and does not need.
pub fn retired() -> Result<BTreeSet<SegmentId>> {
    let found = spi::rows("SELECT segment_id FROM stretch.segment WHERE retired", &[], |row| {
        row.get::<pgrx::Uuid>(1)
    })?;
    let id = |id: pgrx::Uuid| SegmentId::from_uuid(Uuid::from_bytes(*id.as_bytes()));
    Ok(found.into_iter().flatten().map(id).collect())
}

//! Statements that give a partitioned table new partitions, which are stretched as it is: CREATE TABLE … PARTITION OF
//! and ATTACH PARTITION.

use super::restoring;
use super::targets::relation_named;
use crate::catalog::partitions;
use crate::ddl::enable::partitioned;
use crate::pg::error::Result;
use crate::pg::list;
use crate::pg::local_settings::LocalSettings;
use pgrx::pg_sys;

/// The partitions that a table has before the statement.
pub struct Partitions {
    parent: pg_sys::Oid,
    before: Vec<pg_sys::Oid>,
}

impl Partitions {
    /// `None` for other statements, and for those of a dump, which brings the catalog itself.
    ///
    /// # Safety
    /// `node` is a utility statement.
    pub unsafe fn before(node: *mut pg_sys::Node) -> Option<Self> {
        // SAFETY: the caller's promise.
        let parent = unsafe { parent(node) }.filter(|parent| partitions::is_partitioned(*parent))?;
        (!restoring::is_restore()).then(|| Self {
            parent,
            before: partitions::leaves(parent),
        })
    }

    /// Stretches the new ones.
    pub fn after(self) -> Result<()> {
        // What the statement did last may be seen from now on.
        // SAFETY: the statement is over.
        unsafe { pg_sys::CommandCounterIncrement() };
        let mut new = partitions::leaves(self.parent);
        new.retain(|leaf| !self.before.contains(leaf));
        let _path = LocalSettings::path();
        partitioned::follow(&new)
    }
}

/// The table that gets a partition; an index may be meant as well.
unsafe fn parent(node: *mut pg_sys::Node) -> Option<pg_sys::Oid> {
    // SAFETY: a node of a parse tree is of the type that its tag names; `inhRelations` are RangeVar nodes, `cmds` of an
    // AlterTableStmt is a list of AlterTableCmd.
    unsafe {
        let name = match (*node).type_ {
            pg_sys::NodeTag::T_CreateStmt => {
                let statement = &*node.cast::<pg_sys::CreateStmt>();
                let parents = list::pointers::<pg_sys::RangeVar>(statement.inhRelations);
                parents.first().copied().filter(|_| !statement.partbound.is_null())?
            }
            pg_sys::NodeTag::T_AlterTableStmt => {
                let statement = &*node.cast::<pg_sys::AlterTableStmt>();
                let attaches = list::pointers::<pg_sys::AlterTableCmd>(statement.cmds)
                    .into_iter()
                    .any(|command| (*command).subtype == pg_sys::AlterTableType::AT_AttachPartition);
                attaches.then_some(statement.relation)?
            }
            _ => return None,
        };
        relation_named(name)
    }
}

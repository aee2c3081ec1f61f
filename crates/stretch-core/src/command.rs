//! The allow list of the DDL guard: what may be done to a stretched table and to what belongs to it (F9, C-5).
//!
//! PostgreSQL does some commands to the heap's file only and then believes the result for the cold rows as well. So
//! nothing passes that is not listed. The list is a pure table; later releases open it row by row.

mod list;
#[cfg(test)]
mod tests;

pub use list::decide;

/// What a command is aimed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Target {
    /// A stretched table.
    StretchedTable,
    /// The schema `stretch`, or anything in it.
    StretchSchema,
    /// The extension itself.
    Extension,
}

/// A trigger, as far as the guard cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Trigger {
    /// FOR EACH ROW.
    pub row: bool,
    /// It is, or becomes, ENABLE ALWAYS.
    pub always: bool,
    /// It belongs to pg_repack (its name is `repack_trigger`).
    pub repack: bool,
}

/// A command or a subcommand of ALTER TABLE. One statement may be several of these; each must be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // each is named after its SQL
pub enum Command {
    // reading and adding rows
    Select,
    CopyTo,
    CopyFrom,
    Insert,
    Lock,
    Analyze,
    Vacuum,
    VacuumFull,
    Cluster,
    Reindex,
    Truncate,
    // indexes and statistics
    CreateIndex {
        unique: bool,
    },
    AlterIndex,
    DropIndex,
    CreateStatistics,
    AlterStatistics,
    DropStatistics,
    // rights and notes
    Grant,
    Revoke,
    Comment,
    SecurityLabel,
    // triggers, policies, rules
    CreateTrigger(Trigger),
    RenameTrigger(Trigger),
    DropTrigger(Trigger),
    EnableTrigger(Trigger),
    DisableTrigger(Trigger),
    CreatePolicy,
    AlterPolicy,
    DropPolicy,
    RowSecurity,
    ForceRowSecurity,
    CreateRule,
    EnableRule,
    DropRule,
    // columns
    AddColumn,
    DropColumn,
    /// A column goes that the filter names.
    DropFilterColumn,
    /// A column goes that the order of rows inside segments names.
    DropOrderColumn,
    RenameColumn,
    AlterType,
    SetNotNull,
    DropNotNull,
    SetDefault,
    DropDefault,
    AddIdentity,
    SetIdentity,
    DropIdentity,
    DropExpression,
    SetStatistics,
    SetStorage,
    SetCompression,
    SetColumnOptions,
    // constraints
    AddCheck {
        not_valid: bool,
    },
    AddUnique,
    AddPrimaryKey,
    AddForeignKey,
    /// A foreign key of another table that refers to this one.
    AddReferencingKey,
    AddExclude,
    AddConstraintOther,
    AlterConstraint,
    ValidateConstraint,
    RenameConstraint,
    DropConstraint,
    /// A unique constraint or a unique index goes.
    DropKey,
    // the table as a whole
    Rename,
    SetSchema,
    ChangeOwner,
    SetReloptions,
    SetTablespace,
    SetAccessMethod,
    SetLogged,
    SetUnlogged,
    ClusterOn,
    ReplicaIdentity,
    Inherit,
    NoInherit,
    /// Another table becomes a child of this one: CREATE TABLE … INHERITS, or its own INHERIT.
    AddChild,
    /// It becomes a partition, or gets one.
    AttachPartition,
    /// It is a partition no more, or loses one.
    DetachPartition,
    OfType,
    // extensions
    /// Another object is made in the schema.
    CreateInside,
    ExtensionUpdate,
    ExtensionMember,
    // replication
    Publish,
    Subscribe,
    // the end
    Drop,
    /// Whatever the caller cannot classify.
    Other,
}

impl Command {
    /// Whether the catalog's columns and keys of the table have to follow it.
    pub const fn is_followed(self) -> bool {
        matches!(
            self,
            Self::AddColumn
                | Self::DropColumn
                | Self::RenameColumn
                | Self::AlterType
                | Self::CreateIndex { unique: true }
                | Self::AddUnique
                | Self::AddPrimaryKey
                | Self::DropKey
                | Self::DropConstraint
                | Self::AttachPartition
        )
    }

    /// Whether it is done to the tables below as well: to the partitions of a partitioned table, or to the children of
    /// another parent, which share columns only.
    pub const fn is_passed_on(self, to_partitions: bool) -> bool {
        match self {
            Self::AddColumn
            | Self::DropColumn
            | Self::RenameColumn
            | Self::AlterType
            | Self::DropExpression
            | Self::Publish => true,
            Self::CreateIndex { .. }
            | Self::AddUnique
            | Self::AddPrimaryKey
            | Self::AddExclude
            | Self::CreateTrigger(_)
            | Self::EnableTrigger(_) => to_partitions,
            _ => false,
        }
    }
}

/// What the decision depends on besides target and command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Context {
    /// This incarnation has a binding. False while a dump is being restored: then what pg_restore does is allowed
    /// (F47).
    pub bound: bool,
    /// Some table is stretched.
    pub any_table: bool,
}

/// Whether a command passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It passes.
    Allow,
    /// It does not.
    Refuse {
        /// Why, for the message.
        reason: &'static str,
        /// What to do instead, for the hint.
        way_out: WayOut,
    },
}

/// What to do instead of a refused command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WayOut {
    /// Bring the rows back, do it to the ordinary table, then enable it again. The statements depend on the table.
    BringBack,
    /// As the text says.
    Say(&'static str),
}

impl Decision {
    /// Whether the command passes.
    pub const fn is_allowed(&self) -> bool {
        matches!(self, Self::Allow)
    }
}

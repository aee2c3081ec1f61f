//! The allow list of the DDL guard: what may be done to a stretched table and to what belongs to it (F9, C-5).
//!
//! PostgreSQL checks many commands against the heap only and then believes the result for the cold rows as well. So
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
    /// Its foreign child.
    Child,
    /// The foreign server or the foreign data wrapper.
    Server,
    /// The schema `stretch_remote`.
    RemoteSchema,
    /// The schema `stretch`, or anything in it.
    StretchSchema,
    /// The extension itself.
    Extension,
}

/// A trigger, as far as the guard cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Trigger {
    /// It is ours; for `ALL` and `USER`: ours is among them.
    pub ours: bool,
    /// FOR EACH ROW.
    pub row: bool,
    /// It has a transition table and fires for UPDATE or DELETE.
    pub transition: bool,
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
    AddColumnDefault,
    DropColumn,
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
    RenameConstraint {
        ours: bool,
    },
    DropConstraint {
        ours: bool,
    },
    /// A unique constraint or a unique index goes.
    DropKey,
    /// With ONLY a CHECK or NOT NULL is dropped that the child keeps.
    LeaveChildBehind,
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
    AttachPartition,
    DetachPartition,
    OfType,
    // foreign objects and extensions
    AlterOptions,
    AlterServer,
    /// Another object is made here: a foreign table on the server, an object in the schema.
    CreateInside,
    ExtensionUpdate,
    ExtensionMember,
    // replication
    Publish,
    Subscribe,
    // the end
    /// DROP; `with_parent` for a child whose table is dropped by the same command.
    Drop {
        with_parent: bool,
    },
    /// Whatever the caller cannot classify.
    Other,
}

/// What the decision depends on besides target and command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Context {
    /// This incarnation has a binding. False while a dump is being restored: then what pg_restore does is allowed
    /// (F47).
    pub bound: bool,
    /// The table, or for schema, server and extension any table, has a live segment.
    pub live_segments: bool,
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

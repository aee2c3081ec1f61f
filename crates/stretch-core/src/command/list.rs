//! The list itself. The last arm of each target refuses.

use super::{Command, Context, Decision, Target, Trigger, WayOut};
use Command::*;
use Decision::Allow;

const NOT_NEEDED: &str = "leave it as it is: it belongs to the extension";

const fn refuse(reason: &'static str, way_out: &'static str) -> Decision {
    Decision::Refuse {
        reason,
        way_out: WayOut::Say(way_out),
    }
}

const fn bring_back(reason: &'static str) -> Decision {
    Decision::Refuse {
        reason,
        way_out: WayOut::BringBack,
    }
}

/// Decides whether `command` may be done to `target`.
pub fn decide(target: Target, command: Command, context: Context) -> Decision {
    match target {
        Target::StretchedTable => table(command, context),
        Target::StretchSchema => stretch_schema(command, context),
        Target::Extension => extension(command, context),
    }
}

fn table(command: Command, context: Context) -> Decision {
    if !context.bound && is_restore_of_table(command) {
        return Allow;
    }
    match command {
        Select | CopyTo | CopyFrom | Insert | Lock | Analyze | Vacuum | VacuumFull | Cluster | Reindex => Allow,
        // A new unique index is compared with the cold rows when it is built (`table_am/new_index.rs`).
        CreateIndex { .. } | AddUnique | AddPrimaryKey | AlterIndex | DropIndex | DropKey => Allow,
        CreateStatistics | AlterStatistics | DropStatistics => Allow,
        Grant | Revoke | Comment | SecurityLabel => Allow,
        CreatePolicy | AlterPolicy | DropPolicy | RowSecurity | ForceRowSecurity => Allow,
        CreateTrigger(trigger) | EnableTrigger(trigger) => firing_trigger(trigger),
        RenameTrigger(_) | DropTrigger(_) | DisableTrigger(_) => Allow,
        DropRule => Allow,
        // Rows in segments are read by the numbers of their fields, whatever becomes of the columns. What would make
        // new rows of all shows when it begins to (`table_am/utility_scan.rs`), and a type that cannot be read, after
        // the command (`ddl/follow`).
        AddColumn | DropColumn | RenameColumn | AlterType | AddIdentity | DropIdentity | DropExpression => Allow,
        // These loosen, or concern future rows and the heap's storage only.
        DropNotNull | SetDefault | DropDefault | SetIdentity | SetStatistics | SetStorage | SetCompression
        | SetColumnOptions => Allow,
        DropConstraint | RenameConstraint | AlterConstraint => Allow,
        // The server reads all rows for these, and sees cold ones by the access method.
        AddCheck { .. } | SetNotNull | ValidateConstraint | AddForeignKey | AddReferencingKey => Allow,
        AttachPartition | DetachPartition | Inherit | NoInherit | AddChild => Allow,
        Rename | SetSchema | ChangeOwner | SetReloptions | SetTablespace | SetLogged | ClusterOn | ReplicaIdentity => {
            Allow
        }
        // Retires the segments, which stay on the endpoint for the retention (F47).
        Truncate | Drop => Allow,

        AddExclude => bring_back("a new exclusion constraint would be checked against the hot rows only"),
        AddConstraintOther => bring_back("the constraint is not known to hold for cold rows"),
        DropFilterColumn => bring_back("the filter names the column, and would select other rows without it"),
        DropOrderColumn => refuse(
            "rows inside segments are ordered by the column",
            "take the order away first, with order_by => '' in stretch.alter_table",
        ),
        CreateRule | EnableRule => refuse(
            "a rule could redirect rows past the cold side",
            "use a trigger or a view instead",
        ),
        OfType => bring_back("its columns would follow those of a type, and the cold rows do not follow yet"),
        SetUnlogged | SetAccessMethod => bring_back("migration needs a logged table of the access method stretch"),
        Publish => refuse(
            "a publication with deletes would publish every migration as a DELETE",
            "leave deletes out of the publication, with publish = 'insert, update, truncate'",
        ),
        Subscribe => refuse(
            "the worker of a subscription does not see the cold rows",
            "leave the stretched table out of the subscription",
        ),
        _ => bring_back("the command is not known to treat cold rows right"),
    }
}

/// A trigger that would fire: tools that copy a table by an always-firing row trigger do not see migrations (F11).
fn firing_trigger(trigger: Trigger) -> Decision {
    if trigger.repack {
        return refuse(
            "pg_repack would double the rows that migrate meanwhile",
            "use VACUUM FULL",
        );
    }
    if trigger.row && trigger.always {
        return refuse(
            "a row trigger that fires always may belong to a tool that copies the table, \
             and migration fires no trigger",
            "use ENABLE TRIGGER without ALWAYS",
        );
    }
    Allow
}

/// What the post-data section of a dump does to a table, and `--disable-triggers`, `-a`, `--clean` (F47). While there
/// is no binding nothing migrates (F39), so what the dump's heap satisfied is still true of all rows.
fn is_restore_of_table(command: Command) -> bool {
    matches!(
        command,
        CreateIndex { .. }
            | AddUnique
            | AddPrimaryKey
            | CreateTrigger(_)
            | DropTrigger(_)
            | EnableTrigger(_)
            | DisableTrigger(_)
            | DropKey
    )
}

fn stretch_schema(command: Command, context: Context) -> Decision {
    match command {
        Select | CopyTo | Lock | Analyze | Vacuum | VacuumFull | Reindex | Comment | SecurityLabel | Grant | Revoke => {
            Allow
        }
        // Only a superuser can; pg_restore must, also with --disable-triggers.
        CopyFrom | Insert | EnableTrigger(_) | DisableTrigger(_) if !context.bound => Allow,
        Publish => refuse(
            "the catalog of one database must not reach another by replication",
            "publish tables by name, or FOR TABLES IN SCHEMA",
        ),
        CreateInside => refuse(
            "the schema is only for what pg_stretch puts there",
            "use another schema",
        ),
        _ => refuse(
            "the catalog is the only truth about the cold rows",
            "use the functions of schema stretch",
        ),
    }
}

fn extension(command: Command, context: Context) -> Decision {
    match command {
        Comment | ExtensionUpdate => Allow,
        Drop if !context.any_table => Allow,
        Drop => refuse(
            "the stretched tables would be dropped with it, or lose their cold rows",
            "use stretch.disable_table for each stretched table first",
        ),
        _ => refuse("every stretched table depends on it", NOT_NEEDED),
    }
}

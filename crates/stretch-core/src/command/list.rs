//! The list itself. The last arm of each target refuses.

use super::{Command, Context, Decision, Target, Trigger, WayOut};
use Command::*;
use Decision::Allow;

const NOT_NEEDED: &str = "leave it as it is: it belongs to the extension";
const ON_THE_TABLE: &str = "do it on the stretched table instead";

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
        Target::Child => child(command, context),
        Target::Server => server(command),
        Target::RemoteSchema => remote_schema(command, context),
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
        CreateIndex { unique: false } | AlterIndex | DropIndex => Allow,
        CreateStatistics | AlterStatistics | DropStatistics => Allow,
        Grant | Revoke | Comment | SecurityLabel => Allow,
        // Policies of the parent are applied by core to the child as well.
        CreatePolicy | AlterPolicy | DropPolicy | RowSecurity | ForceRowSecurity => Allow,
        CreateTrigger(trigger) | EnableTrigger(trigger) => firing_trigger(trigger),
        RenameTrigger(Trigger { ours: false, .. })
        | DropTrigger(Trigger { ours: false, .. })
        | DisableTrigger(Trigger { ours: false, .. }) => Allow,
        DropRule => Allow,
        // These loosen, or concern future rows and the heap's storage only.
        DropNotNull | SetDefault | DropDefault | SetIdentity | SetStatistics | SetStorage | SetCompression
        | SetColumnOptions => Allow,
        DropConstraint { ours: false } | RenameConstraint { ours: false } => Allow,
        Rename | SetSchema | SetReloptions | SetTablespace | SetLogged | ClusterOn | ReplicaIdentity => Allow,
        // Retires the segments, which stay on the endpoint for the retention (F47).
        Drop { .. } => Allow,

        CreateIndex { unique: true } | AddUnique | AddPrimaryKey => {
            bring_back("a new unique constraint would be checked against the hot rows only")
        }
        AddCheck { .. } | SetNotNull | ValidateConstraint => bring_back(
            "the constraint would be checked against the hot rows only, and then be believed for the cold ones",
        ),
        DropKey => bring_back("without it a key that is cold could be inserted again, and it could not be made anew"),
        AddForeignKey | AddReferencingKey => refuse(
            "foreign keys do not see the cold rows",
            "check the reference in a row trigger, whose queries see the cold rows",
        ),
        AddExclude | AddConstraintOther | AlterConstraint => {
            bring_back("the constraint would look at the hot rows only")
        }
        AddColumn | AddColumnDefault | DropColumn | RenameColumn | AlterType | AddIdentity | DropIdentity
        | DropExpression => bring_back("the cold rows do not follow a change of the columns yet"),
        RenameTrigger(_) | DropTrigger(_) | DisableTrigger(_) => refuse(
            "the trigger belongs to pg_stretch and keeps cold keys unique",
            "name the triggers that you mean, one by one",
        ),
        DropConstraint { ours: true } | RenameConstraint { ours: true } => refuse(
            "the constraint belongs to pg_stretch",
            "use stretch.set_filter to change the filter",
        ),
        LeaveChildBehind => refuse(
            "with ONLY the cold side keeps the constraint, and cold rows would be left out by it",
            "say it without ONLY",
        ),
        CreateRule | EnableRule => refuse(
            "a rule could redirect rows past the cold side",
            "use a trigger or a view instead",
        ),
        Truncate => refuse(
            "TRUNCATE would remove the hot rows only",
            "delete the rows, or drop the table",
        ),
        ChangeOwner => bring_back("the cold side does not follow a change of the owner yet"),
        Inherit | NoInherit | AddChild | AttachPartition | DetachPartition | OfType => {
            bring_back("a stretched table has exactly one child, its own, and no parent")
        }
        SetUnlogged | SetAccessMethod => bring_back("migration needs a logged heap table"),
        Publish | Subscribe => refuse(
            "logical replication would see the hot rows only",
            "leave the stretched table out of the publication or subscription",
        ),
        _ => bring_back("the command is not known to treat cold rows right"),
    }
}

/// A trigger that would fire: core refuses cold rows under transition tables, and tools that copy a table by an
/// always-firing row trigger do not see migrations (F11, F28).
fn firing_trigger(trigger: Trigger) -> Decision {
    if trigger.repack {
        return refuse(
            "pg_repack would double the rows that migrate meanwhile",
            "use VACUUM FULL",
        );
    }
    if trigger.ours {
        return Allow;
    }
    if trigger.transition {
        return refuse(
            "transition tables of UPDATE and DELETE cannot hold cold rows",
            "use a row trigger, or a transition table for INSERT only",
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
            | AddCheck { not_valid: true }
            | CreateTrigger(_)
            | DropTrigger(_)
            | EnableTrigger(_)
            | DisableTrigger(_)
            | ChangeOwner
            | DropKey
    )
}

fn child(command: Command, context: Context) -> Decision {
    match command {
        Select | Lock | Analyze | Vacuum | Comment | SecurityLabel | Revoke => Allow,
        // What a restore does to it: its owner, and the right that this owner had.
        ChangeOwner | Grant if !context.bound => Allow,
        Drop { with_parent: true } => Allow,
        // pg_restore --clean drops the child before its table; a table without its child is an error at plan time.
        Drop { with_parent: false } if !context.live_segments || !context.bound => Allow,
        Drop { with_parent: false } => refuse(
            "it holds the cold rows of its table",
            "use stretch.disable_table, or drop the stretched table itself",
        ),
        Grant => refuse(
            "reading it directly would bypass the row-level security of its table",
            "grant on the stretched table instead",
        ),
        Inherit | NoInherit | AttachPartition | DetachPartition => refuse(
            "without its place in the inheritance the table loses its cold rows",
            "use stretch.disable_table",
        ),
        _ => refuse("it is managed by pg_stretch together with its table", ON_THE_TABLE),
    }
}

fn server(command: Command) -> Decision {
    match command {
        Comment | Revoke => Allow,
        Grant | CreateInside => refuse(
            "only pg_stretch makes foreign tables on its server",
            "use stretch.enable_table",
        ),
        _ => refuse("every cold row is read through it", NOT_NEEDED),
    }
}

fn remote_schema(command: Command, context: Context) -> Decision {
    match command {
        Comment | Revoke => Allow,
        // A restore makes the children before the rows of the catalog that name them; until then they serve nothing
        // (F33).
        ChangeOwner | Grant | CreateInside | Drop { .. } if !context.bound => Allow,
        Grant => refuse(
            "nobody reads the cold side directly",
            "grant on the stretched table instead",
        ),
        CreateInside => refuse(
            "the schema is only for what pg_stretch puts there",
            "use another schema",
        ),
        _ => refuse("it holds the cold side of the stretched tables", NOT_NEEDED),
    }
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
            "publish tables by name",
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
        Drop { .. } if !context.live_segments => Allow,
        Drop { .. } => refuse(
            "there are cold rows, which nothing could read any more",
            "use stretch.disable_table for each stretched table first",
        ),
        _ => refuse("every stretched table depends on it", NOT_NEEDED),
    }
}

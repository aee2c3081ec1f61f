//! The allow list, row by row, and what holds for all of it.

use super::*;
use Command::*;
use Target::*;

const BOUND: Context = Context {
    bound: true,
    any_table: true,
};
const RESTORING: Context = Context {
    bound: false,
    any_table: true,
};
const EMPTY: Context = Context {
    bound: true,
    any_table: false,
};
const TARGETS: [Target; 3] = [StretchedTable, StretchSchema, Extension];

fn plain() -> Trigger {
    Trigger {
        row: true,
        ..Trigger::default()
    }
}

fn allowed(target: Target, command: Command, context: Context) -> bool {
    decide(target, command, context).is_allowed()
}

/// Every command, with what the stretched table answers when bound, and while a dump is restored.
fn table_rows() -> Vec<(Command, bool, bool)> {
    let (yes, no) = (true, false);
    let always = Trigger {
        always: true,
        ..plain()
    };
    let repack = Trigger {
        repack: true,
        ..plain()
    };
    vec![
        (Select, yes, yes),
        (CopyTo, yes, yes),
        (CopyFrom, yes, yes),
        (Insert, yes, yes),
        (Lock, yes, yes),
        (Analyze, yes, yes),
        (Vacuum, yes, yes),
        (VacuumFull, yes, yes),
        (Cluster, yes, yes),
        (Reindex, yes, yes),
        (Truncate, yes, yes),
        (CreateIndex { unique: false }, yes, yes),
        (CreateIndex { unique: true }, yes, yes),
        (AlterIndex, yes, yes),
        (DropIndex, yes, yes),
        (CreateStatistics, yes, yes),
        (AlterStatistics, yes, yes),
        (DropStatistics, yes, yes),
        (Grant, yes, yes),
        (Revoke, yes, yes),
        (Comment, yes, yes),
        (SecurityLabel, yes, yes),
        (CreateTrigger(plain()), yes, yes),
        (CreateTrigger(repack), no, yes),
        (EnableTrigger(plain()), yes, yes),
        (EnableTrigger(always), no, yes),
        (DisableTrigger(plain()), yes, yes),
        (DropTrigger(plain()), yes, yes),
        (RenameTrigger(plain()), yes, yes),
        (CreatePolicy, yes, yes),
        (AlterPolicy, yes, yes),
        (DropPolicy, yes, yes),
        (RowSecurity, yes, yes),
        (ForceRowSecurity, yes, yes),
        (CreateRule, no, no),
        (EnableRule, no, no),
        (DropRule, yes, yes),
        (AddColumn, yes, yes),
        (DropColumn, yes, yes),
        (DropFilterColumn, no, no),
        (DropOrderColumn, no, no),
        (RenameColumn, yes, yes),
        (AlterType, yes, yes),
        (SetNotNull, yes, yes),
        (DropNotNull, yes, yes),
        (SetDefault, yes, yes),
        (DropDefault, yes, yes),
        (AddIdentity, yes, yes),
        (SetIdentity, yes, yes),
        (DropIdentity, yes, yes),
        (DropExpression, yes, yes),
        (SetStatistics, yes, yes),
        (SetStorage, yes, yes),
        (SetCompression, yes, yes),
        (SetColumnOptions, yes, yes),
        (AddCheck { not_valid: false }, yes, yes),
        (AddCheck { not_valid: true }, yes, yes),
        (AddUnique, yes, yes),
        (AddPrimaryKey, yes, yes),
        (DropKey, yes, yes),
        (AddForeignKey, yes, yes),
        (AddReferencingKey, yes, yes),
        (AddExclude, no, no),
        (AddConstraintOther, no, no),
        (AlterConstraint, yes, yes),
        (ValidateConstraint, yes, yes),
        (RenameConstraint, yes, yes),
        (DropConstraint, yes, yes),
        (Rename, yes, yes),
        (SetSchema, yes, yes),
        (ChangeOwner, yes, yes),
        (SetReloptions, yes, yes),
        (SetTablespace, yes, yes),
        (SetAccessMethod, no, no),
        (SetLogged, yes, yes),
        (SetUnlogged, no, no),
        (ClusterOn, yes, yes),
        (ReplicaIdentity, yes, yes),
        (Inherit, yes, yes),
        (NoInherit, yes, yes),
        (AddChild, yes, yes),
        (AttachPartition, yes, yes),
        (DetachPartition, yes, yes),
        (OfType, no, no),
        (CreateInside, no, no),
        (ExtensionUpdate, no, no),
        (ExtensionMember, no, no),
        (Publish, no, no),
        (Subscribe, no, no),
        (Drop, yes, yes),
        (Other, no, no),
    ]
}

#[test]
fn the_stretched_table() {
    for (command, bound, restoring) in table_rows() {
        assert_eq!(allowed(StretchedTable, command, BOUND), bound, "{command:?}");
        assert_eq!(
            allowed(StretchedTable, command, RESTORING),
            restoring,
            "{command:?} while restoring"
        );
    }
}

#[test]
fn what_belongs_to_the_extension_stays() {
    for command in [Drop, Rename, ChangeOwner, CreateInside] {
        for context in [BOUND, EMPTY] {
            assert!(!allowed(StretchSchema, command, context), "{command:?}");
        }
    }
    assert!(!allowed(Extension, Drop, BOUND) && !allowed(Extension, Drop, RESTORING));
    assert!(allowed(Extension, Drop, EMPTY));
    assert!(allowed(Extension, ExtensionUpdate, BOUND));
    assert!(!allowed(Extension, ExtensionMember, BOUND));
}

#[test]
fn the_catalog_is_read_by_dumps_and_written_by_restores() {
    for command in [Select, CopyTo, Lock, Vacuum] {
        assert!(allowed(StretchSchema, command, BOUND), "{command:?}");
    }
    for command in [CopyFrom, DisableTrigger(Trigger::default())] {
        assert!(!allowed(StretchSchema, command, BOUND), "{command:?}");
        assert!(allowed(StretchSchema, command, RESTORING), "{command:?}");
    }
    for command in [Truncate, Publish, AddColumn, Other] {
        for context in [BOUND, RESTORING, EMPTY] {
            assert!(!allowed(StretchSchema, command, context), "{command:?}");
        }
    }
}

#[test]
fn what_nobody_classified_is_refused_with_a_way_out() {
    for target in TARGETS {
        for context in [BOUND, RESTORING, EMPTY] {
            assert!(!allowed(target, Other, context), "{target:?}");
            for (command, ..) in table_rows() {
                if let Decision::Refuse { reason, way_out } = decide(target, command, context) {
                    assert!(!reason.is_empty());
                    assert!(!reason.ends_with('.'), "{reason}");
                    if let WayOut::Say(text) = way_out {
                        assert!(!text.is_empty() && !text.contains("  "), "{text}");
                    }
                }
            }
        }
    }
}

#[test]
fn columns_are_those_of_children_and_indexes_those_of_partitions() {
    for (command, to_partitions, to_children) in [
        (AddColumn, true, true),
        (RenameColumn, true, true),
        (CreateIndex { unique: true }, true, false),
        (AddPrimaryKey, true, false),
        (EnableTrigger(plain()), true, false),
        (CreateRule, false, false),
        (ChangeOwner, false, false),
    ] {
        assert_eq!(command.is_passed_on(true), to_partitions, "{command:?}");
        assert_eq!(command.is_passed_on(false), to_children, "{command:?}");
    }
}

//! The allow list, row by row, and what holds for all of it.

use super::*;
use Command::*;
use Target::*;

const LIVE: Context = Context {
    bound: true,
    live_segments: true,
};
const RESTORING: Context = Context {
    bound: false,
    live_segments: true,
};
const EMPTY: Context = Context {
    bound: true,
    live_segments: false,
};
const TARGETS: [Target; 6] = [StretchedTable, Child, Server, RemoteSchema, StretchSchema, Extension];

fn plain() -> Trigger {
    Trigger {
        row: true,
        ..Trigger::default()
    }
}

fn ours() -> Trigger {
    Trigger {
        ours: true,
        always: true,
        transition: true,
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
    let transition = Trigger {
        transition: true,
        ..Trigger::default()
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
        (Truncate, no, no),
        (CreateIndex { unique: false }, yes, yes),
        (CreateIndex { unique: true }, no, yes),
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
        (CreateTrigger(ours()), yes, yes),
        (CreateTrigger(transition), no, yes),
        (CreateTrigger(repack), no, yes),
        (EnableTrigger(plain()), yes, yes),
        (EnableTrigger(always), no, yes),
        (EnableTrigger(ours()), yes, yes),
        (DisableTrigger(plain()), yes, yes),
        (DisableTrigger(ours()), no, yes),
        (DropTrigger(plain()), yes, yes),
        (DropTrigger(ours()), no, yes),
        (RenameTrigger(plain()), yes, yes),
        (RenameTrigger(ours()), no, no),
        (CreatePolicy, yes, yes),
        (AlterPolicy, yes, yes),
        (DropPolicy, yes, yes),
        (RowSecurity, yes, yes),
        (ForceRowSecurity, yes, yes),
        (CreateRule, no, no),
        (EnableRule, no, no),
        (DropRule, yes, yes),
        (AddColumn, no, no),
        (AddColumnDefault, no, no),
        (DropColumn, no, no),
        (RenameColumn, no, no),
        (AlterType, no, no),
        (SetNotNull, no, no),
        (DropNotNull, yes, yes),
        (SetDefault, yes, yes),
        (DropDefault, yes, yes),
        (AddIdentity, no, no),
        (SetIdentity, yes, yes),
        (DropIdentity, no, no),
        (DropExpression, no, no),
        (SetStatistics, yes, yes),
        (SetStorage, yes, yes),
        (SetCompression, yes, yes),
        (SetColumnOptions, yes, yes),
        (AddCheck { not_valid: false }, no, no),
        (AddCheck { not_valid: true }, no, yes),
        (AddUnique, no, yes),
        (AddPrimaryKey, no, yes),
        (DropKey, no, yes),
        (AddForeignKey, no, no),
        (AddReferencingKey, no, no),
        (AddExclude, no, no),
        (AddConstraintOther, no, no),
        (AlterConstraint, no, no),
        (ValidateConstraint, no, no),
        (RenameConstraint { ours: false }, yes, yes),
        (RenameConstraint { ours: true }, no, no),
        (DropConstraint { ours: false }, yes, yes),
        (DropConstraint { ours: true }, no, no),
        (LeaveChildBehind, no, no),
        (Rename, yes, yes),
        (SetSchema, yes, yes),
        (ChangeOwner, no, yes),
        (SetReloptions, yes, yes),
        (SetTablespace, yes, yes),
        (SetAccessMethod, no, no),
        (SetLogged, yes, yes),
        (SetUnlogged, no, no),
        (ClusterOn, yes, yes),
        (ReplicaIdentity, yes, yes),
        (Inherit, no, no),
        (NoInherit, no, no),
        (AddChild, no, no),
        (AttachPartition, no, no),
        (DetachPartition, no, no),
        (OfType, no, no),
        (AlterOptions, no, no),
        (AlterServer, no, no),
        (CreateInside, no, no),
        (ExtensionUpdate, no, no),
        (ExtensionMember, no, no),
        (Publish, no, no),
        (Subscribe, no, no),
        (Drop { with_parent: false }, yes, yes),
        (Other, no, no),
    ]
}

#[test]
fn the_stretched_table() {
    for (command, bound, restoring) in table_rows() {
        assert_eq!(allowed(StretchedTable, command, LIVE), bound, "{command:?}");
        assert_eq!(
            allowed(StretchedTable, command, RESTORING),
            restoring,
            "{command:?} while restoring"
        );
        // Without a segment the table is as guarded as with one: the next batch may come at any time.
        assert_eq!(allowed(StretchedTable, command, EMPTY), bound, "{command:?}");
    }
}

#[test]
fn the_child_is_read_only_and_leaves_last() {
    for command in [Select, Lock, Analyze, Revoke, Comment] {
        assert!(allowed(Child, command, LIVE), "{command:?}");
    }
    for command in [
        Grant,
        Insert,
        NoInherit,
        Inherit,
        AlterOptions,
        Rename,
        SetSchema,
        ChangeOwner,
        AddColumn,
        DropConstraint { ours: true },
        SetNotNull,
        CreateTrigger(plain()),
        Truncate,
        Publish,
    ] {
        assert!(!allowed(Child, command, LIVE), "{command:?}");
    }
    let alone = Drop { with_parent: false };
    assert!(!allowed(Child, alone, LIVE));
    assert!(allowed(Child, alone, EMPTY));
    assert!(allowed(Child, alone, RESTORING));
    assert!(allowed(Child, Drop { with_parent: true }, LIVE));
    assert!(allowed(Child, ChangeOwner, RESTORING));
}

#[test]
fn what_belongs_to_the_extension_stays() {
    let drop = Drop { with_parent: false };
    for target in [Server, RemoteSchema, StretchSchema] {
        for command in [drop, Rename, ChangeOwner, CreateInside] {
            for context in [LIVE, EMPTY] {
                assert!(!allowed(target, command, context), "{target:?} {command:?}");
            }
        }
    }
    assert!(!allowed(Server, Grant, LIVE) && !allowed(RemoteSchema, Grant, LIVE));
    assert!(!allowed(Extension, drop, LIVE) && !allowed(Extension, drop, RESTORING));
    assert!(allowed(Extension, drop, EMPTY));
    assert!(allowed(Extension, ExtensionUpdate, LIVE));
    assert!(!allowed(Extension, ExtensionMember, LIVE));
}

#[test]
fn the_catalog_is_read_by_dumps_and_written_by_restores() {
    for command in [Select, CopyTo, Lock, Vacuum] {
        assert!(allowed(StretchSchema, command, LIVE), "{command:?}");
    }
    for command in [CopyFrom, DisableTrigger(Trigger::default())] {
        assert!(!allowed(StretchSchema, command, LIVE), "{command:?}");
        assert!(allowed(StretchSchema, command, RESTORING), "{command:?}");
    }
    for command in [Truncate, Publish, AddColumn, Other] {
        for context in [LIVE, RESTORING, EMPTY] {
            assert!(!allowed(StretchSchema, command, context), "{command:?}");
        }
    }
}

#[test]
fn what_nobody_classified_is_refused_with_a_way_out() {
    for target in TARGETS {
        for context in [LIVE, RESTORING, EMPTY] {
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
fn nothing_is_allowed_anywhere_that_takes_the_cold_side_away_in_silence() {
    for command in [NoInherit, Truncate, DetachPartition, AlterOptions, AlterServer] {
        for target in TARGETS {
            for context in [LIVE, RESTORING] {
                assert!(!allowed(target, command, context), "{target:?} {command:?}");
            }
        }
    }
}

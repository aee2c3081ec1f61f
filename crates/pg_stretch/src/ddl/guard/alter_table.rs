//! ALTER TABLE, subcommand by subcommand, as commands of the allow list.

use super::publish;
use super::targets::{Aim, relation_named};
use crate::catalog::{stretched, triggers};
use crate::pg::error::Result;
use crate::pg::{list, names};
use pgrx::pg_sys;
use pgrx::pg_sys::AlterTableType::*;
use stretch_core::command::{Command, Trigger};

/// What each subcommand does to `relation` and to other tables that it names.
pub fn aims(relation: pg_sys::Oid, commands: *mut pg_sys::List) -> Result<Vec<Aim>> {
    let mut out = Vec::new();
    // SAFETY: `cmds` of an AlterTableStmt is a list of AlterTableCmd.
    for command in unsafe { list::pointers::<pg_sys::AlterTableCmd>(commands) } {
        // SAFETY: a node of the parse tree, alive during the statement.
        let command = unsafe { &*command };
        let kind = one(relation, command)?;
        out.push(Aim::relation(relation, kind));
        others(relation, command, &mut out)?;
    }
    Ok(out)
}

fn one(relation: pg_sys::Oid, command: &pg_sys::AlterTableCmd) -> Result<Command> {
    Ok(match command.subtype {
        AT_AddColumn | AT_AddColumnRecurse => Command::AddColumn,
        AT_ColumnDefault | AT_CookedColumnDefault if command.def.is_null() => Command::DropDefault,
        AT_ColumnDefault | AT_CookedColumnDefault => Command::SetDefault,
        AT_DropNotNull => Command::DropNotNull,
        AT_SetNotNull | AT_CheckNotNull => Command::SetNotNull,
        AT_DropExpression => Command::DropExpression,
        AT_SetStatistics => Command::SetStatistics,
        AT_SetOptions | AT_ResetOptions => Command::SetColumnOptions,
        AT_SetStorage => Command::SetStorage,
        AT_SetCompression => Command::SetCompression,
        AT_DropColumn | AT_DropColumnRecurse => Command::DropColumn,
        AT_AddConstraint | AT_AddConstraintRecurse => added(command),
        AT_AddIndex | AT_AddIndexConstraint => index_constraint(command),
        AT_AlterConstraint => Command::AlterConstraint,
        AT_ValidateConstraint | AT_ValidateConstraintRecurse => Command::ValidateConstraint,
        AT_DropConstraint | AT_DropConstraintRecurse => Command::DropConstraint,
        AT_AlterColumnType => Command::AlterType,
        AT_ChangeOwner => Command::ChangeOwner,
        AT_ClusterOn | AT_DropCluster => Command::ClusterOn,
        AT_SetLogged => Command::SetLogged,
        AT_SetUnLogged => Command::SetUnlogged,
        AT_SetAccessMethod => Command::SetAccessMethod,
        AT_SetTableSpace => Command::SetTablespace,
        // No table has OIDs any more, so that DropOids does nothing.
        AT_SetRelOptions | AT_ResetRelOptions | AT_ReplaceRelOptions | AT_DropOids => Command::SetReloptions,
        AT_EnableTrig | AT_EnableReplicaTrig | AT_EnableTrigAll | AT_EnableTrigUser => {
            Command::EnableTrigger(trigger(relation, command)?)
        }
        AT_EnableAlwaysTrig => Command::EnableTrigger(Trigger {
            always: true,
            ..trigger(relation, command)?
        }),
        AT_DisableTrig | AT_DisableTrigAll | AT_DisableTrigUser => Command::DisableTrigger(trigger(relation, command)?),
        AT_EnableRule | AT_EnableAlwaysRule | AT_EnableReplicaRule => Command::EnableRule,
        AT_DisableRule => Command::DropRule,
        AT_AddInherit => Command::Inherit,
        AT_DropInherit => Command::NoInherit,
        AT_AddOf | AT_DropOf => Command::OfType,
        AT_ReplicaIdentity => Command::ReplicaIdentity,
        AT_EnableRowSecurity | AT_DisableRowSecurity => Command::RowSecurity,
        AT_ForceRowSecurity | AT_NoForceRowSecurity => Command::ForceRowSecurity,
        AT_AttachPartition => Command::AttachPartition,
        AT_DetachPartition | AT_DetachPartitionFinalize => Command::DetachPartition,
        AT_AddIdentity => Command::AddIdentity,
        AT_SetIdentity => Command::SetIdentity,
        AT_DropIdentity => Command::DropIdentity,
        _ => Command::Other,
    })
}

fn constraint(command: &pg_sys::AlterTableCmd) -> Option<&pg_sys::Constraint> {
    // SAFETY: the tag is looked at before the cast.
    unsafe {
        let node = command.def.as_ref()?;
        (node.type_ == pg_sys::NodeTag::T_Constraint).then(|| &*command.def.cast::<pg_sys::Constraint>())
    }
}

fn added(command: &pg_sys::AlterTableCmd) -> Command {
    use pg_sys::ConstrType::*;
    let Some(constraint) = constraint(command) else {
        return Command::AddConstraintOther;
    };
    match constraint.contype {
        CONSTR_CHECK => Command::AddCheck {
            not_valid: constraint.skip_validation,
        },
        CONSTR_PRIMARY => Command::AddPrimaryKey,
        CONSTR_UNIQUE => Command::AddUnique,
        CONSTR_EXCLUSION => Command::AddExclude,
        CONSTR_FOREIGN => Command::AddForeignKey,
        _ => Command::AddConstraintOther,
    }
}

fn index_constraint(command: &pg_sys::AlterTableCmd) -> Command {
    // SAFETY: the tag is looked at before the cast.
    unsafe {
        match command.def.as_ref() {
            Some(node) if node.type_ == pg_sys::NodeTag::T_IndexStmt => {
                let index = &*command.def.cast::<pg_sys::IndexStmt>();
                if index.primary {
                    Command::AddPrimaryKey
                } else {
                    Command::AddUnique
                }
            }
            _ => Command::AddUnique,
        }
    }
}

/// The trigger that a subcommand names, or all of them. Only looked up where it matters.
fn trigger(relation: pg_sys::Oid, command: &pg_sys::AlterTableCmd) -> Result<Trigger> {
    if stretched::lookup(relation)?.is_none() {
        return Ok(Trigger::default());
    }
    let mut triggers = triggers::of_table(relation)?;
    let user_only = matches!(command.subtype, AT_EnableTrigUser | AT_DisableTrigUser);
    triggers.retain(|stored| !(user_only && stored.internal));
    if !command.name.is_null() {
        let name = names::text(command.name);
        triggers.retain(|stored| stored.name == name);
    }
    Ok(triggers::together(&triggers))
}

/// Other tables: a parent to inherit from, a partition, the table that a foreign key refers to.
fn others(relation: pg_sys::Oid, command: &pg_sys::AlterTableCmd, out: &mut Vec<Aim>) -> Result<()> {
    match command.subtype {
        AT_AddInherit => {
            out.extend(relation_named(command.def.cast()).map(|parent| Aim::relation(parent, Command::AddChild)));
        }
        AT_AttachPartition | AT_DetachPartition => {
            // SAFETY: these subcommands have a PartitionCmd (gram.y).
            if let Some(partition) = unsafe { command.def.cast::<pg_sys::PartitionCmd>().as_ref() } {
                let child = relation_named(partition.name);
                let kind = one_of_partition(command.subtype);
                out.extend(child.map(|child| Aim::relation(child, kind)));
                if kind == Command::AttachPartition && publish::deletes_are_published(relation)? {
                    out.extend(child.map(|child| Aim::relation(child, Command::Publish)));
                }
            }
        }
        AT_AddConstraint | AT_AddConstraintRecurse => {
            out.extend(constraint(command).and_then(referenced));
        }
        AT_AddColumn | AT_AddColumnRecurse => {
            // SAFETY: these subcommands have a ColumnDef (gram.y).
            if let Some(column) = unsafe { command.def.cast::<pg_sys::ColumnDef>().as_ref() } {
                out.extend(referenced_by(column));
            }
        }
        _ => {}
    }
    Ok(())
}

/// What becomes of the table that an ATTACH or DETACH names.
fn one_of_partition(subcommand: Type) -> Command {
    match subcommand {
        AT_AttachPartition => Command::AttachPartition,
        _ => Command::DetachPartition,
    }
}

/// The tables that foreign keys in a column's definition refer to.
pub fn referenced_by(column: &pg_sys::ColumnDef) -> Vec<Aim> {
    // SAFETY: what stands behind a column's type are Constraint nodes, which live as long as the column.
    unsafe {
        list::pointers::<pg_sys::Constraint>(column.constraints)
            .into_iter()
            .filter_map(|constraint| referenced(&*constraint))
            .collect()
    }
}

/// The table that a foreign key refers to.
pub fn referenced(constraint: &pg_sys::Constraint) -> Option<Aim> {
    if constraint.contype != pg_sys::ConstrType::CONSTR_FOREIGN {
        return None;
    }
    relation_named(constraint.pktable).map(|table| Aim::relation(table, Command::AddReferencingKey))
}

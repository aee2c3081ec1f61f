//! What a utility statement would do: which of our objects it is aimed at, and which command of the allow list it is
//! for each.

use super::targets::{Aim, Facts, relation_named, schema_named, table_of_index};
use super::{alter_table, publish, row_types};
use crate::catalog::triggers;
use crate::pg::error::Result;
use crate::pg::{list, names};
use pgrx::pg_sys;
use stretch_core::command::{Command, Target, Trigger};

const EXTENSION: &str = "pg_stretch";

/// The aims of a statement; drops by any route are seen by the object access hook instead.
///
/// # Safety
/// `node` is the utility statement of a parse tree.
pub unsafe fn aims(node: *mut pg_sys::Node, facts: &Facts) -> Result<Vec<Aim>> {
    // SAFETY: the caller's promise is the one that both ask for.
    unsafe {
        match at_relations(node, facts)? {
            Some(aims) => Ok(aims),
            None => at_others(node),
        }
    }
}

/// Statements that name relations; `None` for others.
unsafe fn at_relations(node: *mut pg_sys::Node, facts: &Facts) -> Result<Option<Vec<Aim>>> {
    use pg_sys::NodeTag::*;
    let bound = facts.bound()?;
    // SAFETY: a node of a parse tree is of the type that its tag names, and the tree outlives the call.
    Ok(Some(unsafe {
        match (*node).type_ {
            T_AlterTableStmt => alter(&*node.cast())?,
            // With CONCURRENTLY parts of it are committed before the drop itself is seen.
            T_DropStmt => drop_indexes(&*node.cast()),
            T_RenameStmt => rename(&*node.cast())?,
            T_AlterObjectSchemaStmt => set_schema(&*node.cast())?,
            T_TruncateStmt => truncate(&*node.cast(), bound),
            T_IndexStmt => create_index(&*node.cast()),
            T_CreateTrigStmt => create_trigger(&*node.cast()),
            T_RuleStmt => on((*node.cast::<pg_sys::RuleStmt>()).relation, Command::CreateRule),
            T_GrantStmt => grant(&*node.cast())?,
            T_CreateStmt => create(&*node.cast()),
            T_CreateForeignTableStmt => create(&(*node.cast::<pg_sys::CreateForeignTableStmt>()).base),
            T_CreateTableAsStmt => create_as(&*node.cast()),
            T_ViewStmt => inside((*node.cast::<pg_sys::ViewStmt>()).view),
            T_CreateSeqStmt => inside((*node.cast::<pg_sys::CreateSeqStmt>()).sequence),
            T_CopyStmt => copy(&*node.cast()),
            _ => return Ok(None),
        }
    }))
}

/// Statements that name types, extensions, publications and owned objects.
unsafe fn at_others(node: *mut pg_sys::Node) -> Result<Vec<Aim>> {
    use pg_sys::NodeTag::*;
    // SAFETY: a node of a parse tree is of the type that its tag names, and the tree outlives the call.
    unsafe {
        match (*node).type_ {
            T_AlterEnumStmt => row_types::check_enum(&*node.cast()).map(|()| Vec::new()),
            T_AlterDomainStmt => row_types::check_domain(&*node.cast()).map(|()| Vec::new()),
            T_AlterOwnerStmt => Ok(change_owner(&*node.cast())),
            T_AlterExtensionContentsStmt => Ok(change_extension(&*node.cast())),
            T_CreatePublicationStmt => publish::created(&*node.cast()),
            T_AlterPublicationStmt => publish::altered(&*node.cast()),
            _ => Ok(Vec::new()),
        }
    }
}

fn change_owner(statement: &pg_sys::AlterOwnerStmt) -> Vec<Aim> {
    named_object(statement.objectType, statement.object, Command::ChangeOwner)
}

fn change_extension(statement: &pg_sys::AlterExtensionContentsStmt) -> Vec<Aim> {
    let name = statement.extname;
    ours(Target::Extension, EXTENSION, name, Command::ExtensionMember)
}

fn truncate(statement: &pg_sys::TruncateStmt, bound: bool) -> Vec<Aim> {
    // SAFETY: what TRUNCATE names are RangeVar nodes.
    let names = unsafe { list::pointers::<pg_sys::RangeVar>(statement.relations) };
    names
        .into_iter()
        // pg_restore with several jobs empties each table before it fills it, which nothing binds yet.
        // SAFETY: one of the RangeVar nodes above.
        .filter(|name| unsafe { (**name).inh } || bound)
        .filter_map(relation_named)
        .map(|relation| Aim::relation(relation, Command::Truncate))
        .collect()
}

fn create_index(statement: &pg_sys::IndexStmt) -> Vec<Aim> {
    let unique = statement.unique || statement.primary;
    on(statement.relation, Command::CreateIndex { unique })
}

fn create_trigger(statement: &pg_sys::CreateTrigStmt) -> Vec<Aim> {
    let trigger = triggers::of_statement(statement);
    on(statement.relation, Command::CreateTrigger(trigger))
}

fn create_as(statement: &pg_sys::CreateTableAsStmt) -> Vec<Aim> {
    // SAFETY: null, or the part of the statement that says what is made.
    match unsafe { statement.into.as_ref() } {
        Some(into) => inside(into.rel),
        None => Vec::new(),
    }
}

fn copy(statement: &pg_sys::CopyStmt) -> Vec<Aim> {
    let command = match statement.is_from {
        true => Command::CopyFrom,
        false => Command::CopyTo,
    };
    on(statement.relation, command)
}

fn on(name: *mut pg_sys::RangeVar, command: Command) -> Vec<Aim> {
    relation_named(name)
        .map(|relation| Aim::relation(relation, command))
        .into_iter()
        .collect()
}

fn ours(target: Target, our_name: &str, name: *const std::ffi::c_char, command: Command) -> Vec<Aim> {
    if names::text(name) == our_name {
        vec![Aim::known(target, our_name, command)]
    } else {
        Vec::new()
    }
}

/// Objects that a statement names by a String node: schemas and extensions.
fn named_object(kind: pg_sys::ObjectType::Type, object: *mut pg_sys::Node, command: Command) -> Vec<Aim> {
    // SAFETY: the tag is looked at before the cast.
    let name = unsafe {
        match object.as_ref() {
            Some(node) if node.type_ == pg_sys::NodeTag::T_String => (*object.cast::<pg_sys::String>()).sval,
            _ => return Vec::new(),
        }
    };
    match kind {
        pg_sys::ObjectType::OBJECT_SCHEMA => schema(name, command),
        pg_sys::ObjectType::OBJECT_EXTENSION => ours(Target::Extension, EXTENSION, name, command),
        _ => Vec::new(),
    }
}

/// Unique indexes that a DROP INDEX names.
fn drop_indexes(statement: &pg_sys::DropStmt) -> Vec<Aim> {
    if statement.removeType != pg_sys::ObjectType::OBJECT_INDEX {
        return Vec::new();
    }
    // SAFETY: the objects of DROP INDEX are lists of names, of which a RangeVar is made.
    unsafe { list::pointers::<pg_sys::List>(statement.objects) }
        .into_iter()
        .filter_map(|names| relation_named(unsafe { pg_sys::makeRangeVarFromNameList(names) }))
        .filter_map(super::drops::unique_index_of)
        .map(|table| Aim::relation(table, Command::DropKey))
        .collect()
}

fn schema(name: *const std::ffi::c_char, command: Command) -> Vec<Aim> {
    schema_named(name)
        .map(|target| Aim::known(target, &format!("schema {}", names::text(name)), command))
        .into_iter()
        .collect()
}

/// A new object in one of our schemas.
fn inside(name: *mut pg_sys::RangeVar) -> Vec<Aim> {
    // SAFETY: a RangeVar of the parse tree or null.
    match unsafe { name.as_ref() } {
        Some(name) if !name.schemaname.is_null() => schema(name.schemaname, Command::CreateInside),
        _ => Vec::new(),
    }
}

fn alter(statement: &pg_sys::AlterTableStmt) -> Result<Vec<Aim>> {
    let Some(relation) = relation_named(statement.relation) else {
        return Ok(Vec::new());
    };
    if let Some(table) = table_of_index(relation) {
        return Ok(vec![Aim::relation(table, Command::AlterIndex)]);
    }
    row_types::check_commands(relation, statement.cmds)?;
    alter_table::aims(relation, statement.cmds)
}

fn rename(statement: &pg_sys::RenameStmt) -> Result<Vec<Aim>> {
    use pg_sys::ObjectType::*;
    let Some(relation) = relation_named(statement.relation) else {
        let name = statement.subname;
        return Ok(match statement.renameType {
            OBJECT_SCHEMA => schema(name, Command::Rename),
            kind => named_object(kind, statement.object, Command::Rename),
        });
    };
    if let Some(table) = table_of_index(relation) {
        return Ok(vec![Aim::relation(table, Command::AlterIndex)]);
    }
    if matches!(statement.renameType, OBJECT_COLUMN | OBJECT_ATTRIBUTE) {
        row_types::check_row(relation)?;
    }
    let command = match statement.renameType {
        OBJECT_COLUMN | OBJECT_ATTRIBUTE => Command::RenameColumn,
        OBJECT_TABCONSTRAINT => Command::RenameConstraint,
        OBJECT_TRIGGER => Command::RenameTrigger(Trigger::default()),
        OBJECT_POLICY => Command::AlterPolicy,
        OBJECT_TABLE | OBJECT_FOREIGN_TABLE | OBJECT_VIEW | OBJECT_MATVIEW | OBJECT_SEQUENCE | OBJECT_INDEX => {
            Command::Rename
        }
        _ => Command::Other,
    };
    Ok(vec![Aim::relation(relation, command)])
}

fn set_schema(statement: &pg_sys::AlterObjectSchemaStmt) -> Result<Vec<Aim>> {
    let mut out = schema(statement.newschema, Command::CreateInside);
    match relation_named(statement.relation) {
        Some(relation) => {
            out.push(Aim::relation(relation, Command::SetSchema));
            if publish::schema_publishes_deletes(statement.newschema)? {
                out.push(Aim::relation(relation, Command::Publish));
            }
        }
        None => out.extend(named_object(statement.objectType, statement.object, Command::SetSchema)),
    }
    Ok(out)
}

fn create(statement: &pg_sys::CreateStmt) -> Vec<Aim> {
    let mut out = inside(statement.relation);
    // SAFETY: lists of a CREATE TABLE: parents are RangeVar nodes, elements are looked at by tag.
    unsafe {
        out.extend(
            list::pointers::<pg_sys::RangeVar>(statement.inhRelations)
                .into_iter()
                .filter_map(relation_named)
                .map(|parent| Aim::relation(parent, Command::AddChild)),
        );
        for element in list::pointers::<pg_sys::Node>(statement.tableElts) {
            match (*element).type_ {
                pg_sys::NodeTag::T_Constraint => out.extend(alter_table::referenced(&*element.cast())),
                pg_sys::NodeTag::T_ColumnDef => out.extend(alter_table::referenced_by(&*element.cast())),
                _ => {}
            }
        }
    }
    out
}

fn grant(statement: &pg_sys::GrantStmt) -> Result<Vec<Aim>> {
    use pg_sys::ObjectType::*;
    if !statement.is_grant {
        return Ok(Vec::new());
    }
    if statement.targtype == pg_sys::GrantTargetType::ACL_TARGET_ALL_IN_SCHEMA {
        return Ok(strings(statement.objects)
            .into_iter()
            .flat_map(|name| schema(name, Command::Grant))
            .collect());
    }
    let mut out = Vec::new();
    match statement.objtype {
        OBJECT_TABLE => {
            // SAFETY: objects of a GRANT on tables are RangeVar nodes.
            for name in unsafe { list::pointers::<pg_sys::RangeVar>(statement.objects) } {
                let Some(relation) = relation_named(name) else {
                    continue;
                };
                out.push(Aim::relation(relation, Command::Grant));
            }
        }
        OBJECT_SCHEMA => out.extend(
            strings(statement.objects)
                .into_iter()
                .flat_map(|name| schema(name, Command::Grant)),
        ),
        _ => {}
    }
    Ok(out)
}

fn strings(objects: *mut pg_sys::List) -> Vec<*const std::ffi::c_char> {
    // SAFETY: schemas in a GRANT are String nodes.
    unsafe {
        list::pointers::<pg_sys::String>(objects)
            .into_iter()
            .map(|name| (*name).sval.cast_const())
            .collect()
    }
}

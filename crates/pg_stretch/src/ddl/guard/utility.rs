//! The hooks: ProcessUtility for statements by their parse tree, object access for drops by any route.

use super::new_partitions::Partitions;
use super::targets::{Aim, Facts, What, installed, relation_named};
use super::{below, classify, copy, databases, drops, dump, foreign_keys, publish, restoring};
use crate::ddl::enable;
use crate::ddl::follow;
use crate::ddl::follow::abandoned::Watched;
use crate::ddl::follow::renamed::Renamed;
use crate::ddl::follow::retyped::Retyped;
use crate::endpoint::redact;
use crate::pg::error::{OrRaise, Result};
use crate::pg::local_settings::LocalSettings;
use crate::pg::ours::is_ours;
use crate::pg::{hook, names, raw};
use pgrx::pg_sys;
use std::ffi::c_char;
use stretch_core::command::Command;

static mut PREV_UTILITY: pg_sys::ProcessUtility_hook_type = None;
static mut PREV_ACCESS: pg_sys::object_access_hook_type = None;

/// Puts the hooks in front of those of other libraries; in the postmaster only.
pub fn install() {
    // SAFETY: hook chaining in the single-threaded postmaster.
    unsafe {
        PREV_UTILITY = pg_sys::ProcessUtility_hook;
        pg_sys::ProcessUtility_hook = Some(process_utility);
        PREV_ACCESS = pg_sys::object_access_hook;
        pg_sys::object_access_hook = Some(object_access);
    }
}

/// Statements that the guard looks at. All others (transactions, SET, LOCK, VACUUM …) pass without any look-up: some of
/// them must not see a snapshot taken before they run.
fn is_watched(tag: pg_sys::NodeTag) -> bool {
    use pg_sys::NodeTag::*;
    matches!(
        tag,
        T_AlterTableStmt
            | T_RenameStmt
            | T_AlterObjectSchemaStmt
            | T_AlterOwnerStmt
            | T_ReassignOwnedStmt
            | T_AlterEnumStmt
            | T_AlterDomainStmt
            | T_TruncateStmt
            | T_IndexStmt
            | T_CreateTrigStmt
            | T_RuleStmt
            | T_GrantStmt
            | T_CreateStmt
            | T_CreateForeignTableStmt
            | T_CreateTableAsStmt
            | T_ViewStmt
            | T_CreateSeqStmt
            | T_CopyStmt
            | T_AlterExtensionContentsStmt
            | T_CreatePublicationStmt
            | T_AlterPublicationStmt
            | T_CreateSubscriptionStmt
            | T_AlterSubscriptionStmt
            | T_DropStmt
            | T_DropOwnedStmt
    )
}

/// True while the script of our own extension runs.
fn in_our_script() -> bool {
    // SAFETY: plain globals; the look-up tolerates a missing extension.
    unsafe {
        pg_sys::creating_extension && {
            let ours = pg_sys::get_extension_oid(c"pg_stretch".as_ptr(), true);
            ours == pg_sys::InvalidOid || ours == pg_sys::CurrentExtensionObject
        }
    }
}

#[allow(clippy::too_many_arguments)] // PostgreSQL's signature
unsafe extern "C-unwind" fn process_utility(
    statement: *mut pg_sys::PlannedStmt,
    query: *const c_char,
    read_only_tree: bool,
    context: pg_sys::ProcessUtilityContext::Type,
    params: pg_sys::ParamListInfo,
    environment: *mut pg_sys::QueryEnvironment,
    dest: *mut pg_sys::DestReceiver,
    completion: *mut pg_sys::QueryCompletion,
) {
    // SAFETY: a hook is set before the first statement and not changed any more; PostgreSQL passes a statement that can
    // be copied.
    let (next, mut copy) = unsafe { (PREV_UTILITY.unwrap_or(hook::standard_ProcessUtility), *statement) };
    // SAFETY: called by PostgreSQL, and nothing here is to be dropped; it is a utility statement, and the copy outlives
    // the call.
    let (statement, shown, rest) = unsafe { hook::own_part(|| before(statement, &mut copy, query)) };
    let call = || {
        // SAFETY: what PostgreSQL passed goes on as it came; a changed statement is `copy`, a shown text belongs to
        // `shown`.
        unsafe {
            next(
                statement,
                shown.text,
                read_only_tree,
                context,
                params,
                environment,
                dest,
                completion,
            );
            shown.done();
        }
    };
    if rest.is_null() {
        return call();
    }
    // SAFETY: called by PostgreSQL, and nothing here is to be dropped: `rest` is a plain pointer until it is taken
    // inside, where `call` owns nothing.
    unsafe {
        hook::own_part(|| {
            let rest = Box::from_raw(rest);
            raw::guarded(call);
            rest.after().or_raise();
        });
    }
}

/// Our part before the statement runs: what to run, the text to show, and what is left to do afterwards.
unsafe fn before(
    statement: *mut pg_sys::PlannedStmt,
    copy: &mut pg_sys::PlannedStmt,
    query: *const c_char,
) -> (*mut pg_sys::PlannedStmt, redact::Shown, *mut Rest) {
    // SAFETY: the caller passes a utility statement and its text; the copy is one of the same statement.
    unsafe {
        let rest = Rest::before((*statement).utilityStmt).or_raise();
        redact::mask_activity();
        let shown = redact::Shown::of((*(*statement).utilityStmt).type_, query);
        let statement = match change(copy).or_raise() {
            true => &raw mut *copy,
            false => statement,
        };
        (statement, shown, rest.into_raw())
    }
}

/// Changes the copy of a statement that must run as another one; false when it runs as it is.
unsafe fn change(copy: &mut pg_sys::PlannedStmt) -> Result<bool> {
    use pg_sys::NodeTag::*;
    // SAFETY: a utility statement, looked at by its tag before the cast.
    unsafe {
        let node = copy.utilityStmt;
        let known = || pg_sys::IsTransactionState() && !is_ours() && installed();
        let other = match (*node).type_ {
            T_CopyStmt | T_DeclareCursorStmt if copy::concerns(node) && known() => copy::instead(node)?,
            T_AlterTableStmt if restoring::is_restore() && known() => foreign_keys::instead(node.cast())?,
            _ => None,
        };
        if let Some(other) = other {
            copy.utilityStmt = other;
        }
        Ok(other.is_some())
    }
}

/// What is left to do after a statement.
struct Rest {
    tag: pg_sys::NodeTag,
    session: Option<Session>,
    away: Option<databases::Away>,
}

impl Rest {
    unsafe fn before(node: *mut pg_sys::Node) -> Result<Self> {
        // SAFETY: the caller passes a utility statement; casts follow its tag.
        unsafe {
            let tag = (*node).type_;
            if tag == pg_sys::NodeTag::T_VariableSetStmt {
                dump::observe(&*node.cast());
            }
            let is_watched =
                pg_sys::IsTransactionState() && !is_ours() && is_watched(tag) && !in_our_script() && installed();
            Ok(Self {
                tag,
                session: is_watched.then(|| Session::before(node)).transpose()?,
                away: databases::send_away(node)?,
            })
        }
    }

    /// For a hook that must own nothing while it calls on; NULL when nothing is left to do.
    fn into_raw(self) -> *mut Self {
        match (&self.session, &self.away) {
            (None, None) => std::ptr::null_mut(),
            _ => Box::into_raw(Box::new(self)),
        }
    }

    fn after(self) -> Result<()> {
        // SAFETY: plain getter; without a transaction nothing can be looked up.
        if !unsafe { pg_sys::IsTransactionState() } {
            return Ok(());
        }
        if let Some(mut away) = self.away {
            away.forget_if_gone();
        }
        self.session.map_or(Ok(()), |session| session.after(self.tag))
    }
}

/// One watched statement.
struct Session {
    facts: Facts,
    watch: drops::Watch,
    /// Relations that were not stretched when the statement began, but may be by the time it got its locks.
    unlocked: Vec<Aim>,
    /// The statement may take from the owner of the database the right to read all rows of a stretched table.
    owners: bool,
    /// Of a partitioned table that gets new ones.
    partitions: Option<Partitions>,
    /// Tables whose columns get other names or types.
    renamed: Vec<Renamed>,
    retyped: Vec<Retyped>,
    /// Tables that left cold rows behind, whose columns change.
    abandoned: Vec<Watched>,
}

impl Session {
    unsafe fn before(node: *mut pg_sys::Node) -> Result<Self> {
        use pg_sys::NodeTag::*;
        let facts = Facts::default();
        let watch = drops::Watch::new();
        // SAFETY: the caller passes a utility statement, of which the tag alone is read here.
        let tag = unsafe { (*node).type_ };
        if matches!(tag, T_DropStmt | T_DropOwnedStmt) {
            // Afterwards there may be no catalog to ask.
            facts.context()?;
        }
        // SAFETY: the caller passes a utility statement, which is what all of them ask for.
        let aims = unsafe {
            restoring::check(node, &facts)?;
            if let Some(relation) = filled(node) {
                restoring::before_insert(relation)?;
            }
            below::and_below(classify::aims(node, &facts)?)
        };
        for aim in &aims {
            aim.check(&facts)?;
            if let (What::Relation(relation), Command::SetAccessMethod) = (&aim.what, aim.command) {
                restoring::forget_rows(*relation)?;
            }
        }
        // SAFETY: the caller passes a utility statement.
        let (gives, partitions) = unsafe { (gives_the_database(node), Partitions::before(node)) };
        let owners = tag == T_ReassignOwnedStmt || gives || changes_readers(&aims);
        // SAFETY: as above.
        let (renamed, retyped) = unsafe { (renamed(node, &aims)?, retyped(&aims)?) };
        let abandoned = abandoned(&aims)?;
        let mut unlocked = aims;
        unlocked.retain(|aim| matches!(aim.what, What::Relation(_)));
        Ok(Self {
            facts,
            watch,
            unlocked,
            owners,
            partitions,
            renamed,
            retyped,
            abandoned,
        })
    }

    fn after(self, tag: pg_sys::NodeTag) -> Result<()> {
        drops::settle(&self.watch, &self.facts)?;
        for aim in &self.unlocked {
            aim.check(&self.facts)?;
        }
        if matches!(
            tag,
            pg_sys::NodeTag::T_CreateSubscriptionStmt | pg_sys::NodeTag::T_AlterSubscriptionStmt
        ) {
            let _path = LocalSettings::path();
            for aim in publish::subscribed()? {
                aim.check(&self.facts)?;
            }
        }
        self.renamed.into_iter().try_for_each(Renamed::after)?;
        for relation in followed(&self.unlocked) {
            follow::columns_and_keys(relation)?;
        }
        self.retyped.into_iter().try_for_each(Retyped::after)?;
        self.abandoned.into_iter().try_for_each(Watched::after)?;
        if let Some(partitions) = self.partitions {
            partitions.after()?;
        }
        if self.owners {
            enable::close_contents()?;
        }
        Ok(())
    }
}

/// Tables of which a column is about to get another name.
unsafe fn renamed(node: *mut pg_sys::Node, aims: &[Aim]) -> Result<Vec<Renamed>> {
    // SAFETY: a node of a parse tree is of the type that its tag names.
    let (old, new) = unsafe {
        if (*node).type_ != pg_sys::NodeTag::T_RenameStmt {
            return Ok(Vec::new());
        }
        let statement = &*node.cast::<pg_sys::RenameStmt>();
        (names::text(statement.subname), names::text(statement.newname))
    };
    let renamed = relations(aims, |command| command == Command::RenameColumn);
    let renamed = renamed
        .into_iter()
        .map(|relation| Renamed::before(relation, &old, &new));
    renamed.filter_map(Result::transpose).collect()
}

/// Tables of which a column is about to get another type.
fn retyped(aims: &[Aim]) -> Result<Vec<Retyped>> {
    let retyped = relations(aims, |command| command == Command::AlterType);
    retyped
        .into_iter()
        .map(Retyped::before)
        .filter_map(Result::transpose)
        .collect()
}

/// Tables that left cold rows behind, and get columns or other types of them.
fn abandoned(aims: &[Aim]) -> Result<Vec<Watched>> {
    let changed = relations(aims, |command| {
        matches!(command, Command::AddColumn | Command::AlterType)
    });
    changed
        .into_iter()
        .map(Watched::before)
        .filter_map(Result::transpose)
        .collect()
}

/// Tables whose columns and keys the catalog has to follow.
fn followed(aims: &[Aim]) -> Vec<pg_sys::Oid> {
    relations(aims, Command::is_followed)
}

/// The relations at which such commands are aimed, each once.
fn relations(aims: &[Aim], is_wanted: impl Fn(Command) -> bool) -> Vec<pg_sys::Oid> {
    let mut found = Vec::new();
    for aim in aims.iter().filter(|aim| is_wanted(aim.command)) {
        if let What::Relation(relation) = aim.what
            && !found.contains(&relation)
        {
            found.push(relation);
        }
    }
    found
}

/// The table that a `COPY … FROM` fills.
unsafe fn filled(node: *mut pg_sys::Node) -> Option<pg_sys::Oid> {
    // SAFETY: a node of a parse tree is of the type that its tag names.
    unsafe {
        if (*node).type_ != pg_sys::NodeTag::T_CopyStmt {
            return None;
        }
        let copy = &*node.cast::<pg_sys::CopyStmt>();
        if !copy.is_from {
            return None;
        }
        relation_named(copy.relation)
    }
}

/// Whether it is an `ALTER DATABASE … OWNER TO`.
unsafe fn gives_the_database(node: *mut pg_sys::Node) -> bool {
    // SAFETY: a node of a parse tree is of the type that its tag names.
    unsafe {
        (*node).type_ == pg_sys::NodeTag::T_AlterOwnerStmt
            && (*node.cast::<pg_sys::AlterOwnerStmt>()).objectType == pg_sys::ObjectType::OBJECT_DATABASE
    }
}

/// Whether one of the aims changes who may read all rows of a table.
fn changes_readers(aims: &[Aim]) -> bool {
    aims.iter()
        .any(|aim| matches!(aim.command, Command::ForceRowSecurity | Command::ChangeOwner))
}

unsafe extern "C-unwind" fn object_access(
    access: pg_sys::ObjectAccessType::Type,
    class: pg_sys::Oid,
    object: pg_sys::Oid,
    part: i32,
    argument: *mut std::ffi::c_void,
) {
    // SAFETY: passes on what it was given.
    unsafe {
        if let Some(previous) = PREV_ACCESS {
            previous(access, class, object, part, argument);
        }
        use pg_sys::ObjectAccessType::{OAT_DROP, OAT_FUNCTION_EXECUTE};
        let is_drop = access == OAT_DROP;
        // Functions of the server itself are none of ours, and are called most.
        let is_call = access == OAT_FUNCTION_EXECUTE && object.to_u32() >= pg_sys::FirstNormalObjectId;
        if !is_drop && !is_call {
            return;
        }
        hook::own_part(|| {
            if is_call {
                redact::executes(object);
            }
            if is_drop && !is_ours() && !in_our_script() && pg_sys::IsTransactionState() && installed() {
                drops::note(class, object, part).or_raise();
            }
        });
    }
}

//! Who calls, who owns, and acting as somebody else for a while.

use super::error::{Error, Result};
use pgrx::pg_sys;
use stretch_core::errors;

/// The current user as privileges see it (F34: never the outer one).
pub fn current() -> pg_sys::Oid {
    // SAFETY: reads a variable of this process, which has a user from its start.
    unsafe { pg_sys::GetUserId() }
}

/// Owner of the current database.
pub fn database_owner() -> pg_sys::Oid {
    // SAFETY: syscache look-up of the database we are connected to.
    unsafe {
        let tuple = pg_sys::SearchSysCache1(
            pg_sys::SysCacheIdentifier::DATABASEOID as i32,
            pg_sys::Datum::from(pg_sys::MyDatabaseId),
        );
        if tuple.is_null() {
            return pg_sys::InvalidOid;
        }
        let form = pg_sys::heap_tuple_get_struct::<pg_sys::FormData_pg_database>(tuple);
        let owner = (*form).datdba;
        pg_sys::ReleaseSysCache(tuple);
        owner
    }
}

/// Owner of a relation; InvalidOid when it is gone.
pub fn relation_owner(relation: pg_sys::Oid) -> pg_sys::Oid {
    // SAFETY: syscache look-up by OID.
    unsafe {
        let tuple = pg_sys::SearchSysCache1(pg_sys::SysCacheIdentifier::RELOID as i32, pg_sys::Datum::from(relation));
        if tuple.is_null() {
            return pg_sys::InvalidOid;
        }
        let form = pg_sys::heap_tuple_get_struct::<pg_sys::FormData_pg_class>(tuple);
        let owner = (*form).relowner;
        pg_sys::ReleaseSysCache(tuple);
        owner
    }
}

/// True when `role` is a superuser.
pub fn is_superuser(role: pg_sys::Oid) -> bool {
    // SAFETY: look-up by role OID.
    unsafe { pg_sys::superuser_arg(role) }
}

/// True when the current user may create databases. The server's own function for this is not in every minor release.
pub fn may_create_databases() -> bool {
    let me = current();
    if is_superuser(me) {
        return true;
    }
    // SAFETY: syscache look-up by OID; the tuple is released before returning.
    unsafe {
        let tuple = pg_sys::SearchSysCache1(pg_sys::SysCacheIdentifier::AUTHOID as i32, pg_sys::Datum::from(me));
        if tuple.is_null() {
            return false;
        }
        let may = (*pg_sys::heap_tuple_get_struct::<pg_sys::FormData_pg_authid>(tuple)).rolcreatedb;
        pg_sys::ReleaseSysCache(tuple);
        may
    }
}

/// True when `member` has the privileges of `role`.
pub fn has_privs_of(member: pg_sys::Oid, role: pg_sys::Oid) -> bool {
    // SAFETY: look-up by role OIDs.
    unsafe { pg_sys::has_privs_of_role(member, role) }
}

/// 42501 unless the caller is the database owner or a superuser.
pub fn require_database_owner(function: &str) -> Result<()> {
    if is_superuser(current()) || has_privs_of(current(), database_owner()) {
        return Ok(());
    }
    Err(Error::new(
        &errors::NOT_OWNER,
        format!("stretch.{function} needs the owner of the database or a superuser"),
    ))
}

/// The same, or the right to execute it was granted to the caller, as to a role for backups. `signature` is that of
/// the function.
pub fn require_database_owner_or_grant(function: &str, signature: &str) -> Result<()> {
    match is_granted(signature)? {
        true => Ok(()),
        false => require_database_owner(function),
    }
}

/// Whether the right to execute a function was granted to the caller, not only to everybody or to whoever owns the
/// database.
pub fn is_granted(signature: &str) -> Result<bool> {
    let granted = super::spi::get::<bool>(
        "SELECT EXISTS (SELECT FROM pg_proc p, aclexplode(p.proacl) a
          WHERE p.oid = $1::regprocedure AND a.privilege_type = 'EXECUTE'
            AND a.grantee <> 0 AND a.grantee <> p.proowner AND pg_has_role(a.grantee, 'USAGE'))",
        &[signature.into()],
    )?;
    Ok(granted == Some(true))
}

/// 42501 unless the caller owns the table (and, for enabling, the database: F34).
pub fn require_table_owner(relation: pg_sys::Oid, function: &str) -> Result<()> {
    if is_superuser(current()) || has_privs_of(current(), relation_owner(relation)) {
        return Ok(());
    }
    Err(Error::new(
        &errors::NOT_OWNER,
        format!(
            "stretch.{function} needs the owner of table {}",
            super::names::relation(relation)
        ),
    ))
}

/// Owner of the extension: the superuser to whom the catalog belongs.
pub fn extension_owner() -> pg_sys::Oid {
    // SAFETY: relation look-up by name; the catalog exists where functions of the extension run.
    unsafe {
        let schema = pg_sys::get_namespace_oid(c"stretch".as_ptr(), true);
        relation_owner(pg_sys::get_relname_relid(c"database".as_ptr(), schema))
    }
}

/// Acts as another role until dropped, also when an error unwinds (PostgreSQL's own abort restores it as well).
pub struct ActAs {
    user: pg_sys::Oid,
    context: i32,
}

impl ActAs {
    /// Becomes `role`; `restricted` adds SECURITY_RESTRICTED_OPERATION, for code that belongs to somebody else (F3).
    pub fn role(role: pg_sys::Oid, restricted: bool) -> Self {
        match restricted {
            true => Self::with(role, pg_sys::SECURITY_RESTRICTED_OPERATION),
            false => Self::with(role, 0),
        }
    }

    /// Becomes the owner of a table, past FORCE ROW LEVEL SECURITY, as foreign keys are checked.
    pub fn owner_past_policies(owner: pg_sys::Oid) -> Self {
        Self::with(owner, pg_sys::SECURITY_NOFORCE_RLS)
    }

    /// Becomes `role` with these SECURITY_… flags beside those that are set.
    fn with(role: pg_sys::Oid, flags: u32) -> Self {
        let mut user = pg_sys::InvalidOid;
        let mut context = 0;
        let flags = (pg_sys::SECURITY_LOCAL_USERID_CHANGE | flags) as i32;
        // SAFETY: saves and replaces the identity of this process; `drop` puts it back.
        unsafe {
            pg_sys::GetUserIdAndSecContext(&mut user, &mut context);
            pg_sys::SetUserIdAndSecContext(role, context | flags);
        }
        Self { user, context }
    }

    /// Becomes the owner of the extension, for reads and writes of the catalog.
    pub fn extension_owner() -> Self {
        Self::role(extension_owner(), false)
    }
}

impl Drop for ActAs {
    fn drop(&mut self) {
        // SAFETY: restores what `role` saved.
        unsafe { pg_sys::SetUserIdAndSecContext(self.user, self.context) };
    }
}

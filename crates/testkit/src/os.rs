//! What differs between running as root and running as anybody else: PostgreSQL refuses root.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// User and group id of `postgres` when we are root; `None` when we run servers as ourselves.
pub fn server_user() -> Option<(u32, u32)> {
    static USER: OnceLock<Option<(u32, u32)>> = OnceLock::new();
    *USER.get_or_init(|| {
        let me = run_ok(Command::new("id").arg("-u"));
        if me.trim() != "0" {
            return None;
        }
        let passwd = fs::read_to_string("/etc/passwd").expect("/etc/passwd is readable");
        let ids = passwd.lines().find_map(|line| {
            let mut field = line.split(':');
            if field.next() != Some("postgres") {
                return None;
            }
            Some((field.nth(1)?.parse().ok()?, field.next()?.parse().ok()?))
        });
        Some(ids.expect("we are root, so servers run as user postgres, and there is no such user"))
    })
}

/// A command that runs as the server's user, in a folder that this user can reach.
pub fn as_server(program: impl AsRef<Path>, cwd: &Path) -> Command {
    let mut command = Command::new(program.as_ref());
    if let Some((uid, gid)) = server_user() {
        command.uid(uid).gid(gid);
    }
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PG") {
            command.env_remove(&name);
        }
    }
    command
        .env("HOME", cwd)
        .env("LC_ALL", "C.UTF-8")
        .env("TZ", "UTC")
        .current_dir(cwd)
        .stdin(Stdio::null());
    command
}

/// Makes a folder that belongs to the server's user.
pub fn make_dir(path: &Path) {
    fs::create_dir_all(path).unwrap_or_else(|e| panic!("cannot make {}: {e}", path.display()));
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("mode can be set");
    give(path);
}

/// Gives one file or folder to the server's user.
pub fn give(path: &Path) {
    if let Some((uid, gid)) = server_user() {
        chown(path, Some(uid), Some(gid)).unwrap_or_else(|e| panic!("cannot give {} away: {e}", path.display()));
    }
}

/// Runs to the end and returns standard output; panics with standard error when it fails.
#[track_caller]
pub fn run_ok(command: &mut Command) -> String {
    check(run(command))
}

/// Panics with the complaint of a program that had to work.
#[track_caller]
pub fn check<T>(result: Result<T, String>) -> T {
    match result {
        Ok(out) => out,
        Err(why) => panic!("{why}"),
    }
}

/// Runs to the end: standard output, or a sentence with the command and what it complained about.
pub fn run(command: &mut Command) -> Result<String, String> {
    let out = command
        .output()
        .map_err(|e| format!("cannot run {:?}: {e}", command.get_program()))?;
    let stdout = String::from_utf8_lossy(&out.stdout).into_owned();
    if out.status.success() {
        return Ok(stdout);
    }
    let stderr = String::from_utf8_lossy(&out.stderr);
    Err(format!(
        "{} failed ({}):\n{}\n{}",
        line(command),
        out.status,
        stderr.trim_end(),
        tail(&stdout, 20)
    ))
}

/// The last lines of a text.
pub fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

fn line(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|a| a.to_string_lossy().into_owned()));
    words.join(" ")
}

//! Routes the error functions that pgrx calls through `src/sqlstate.rs` and `src/error_fields.rs`, which say why.

fn main() {
    for function in ["errstart", "errcode", "errfinish", "CopyErrorData"] {
        println!("cargo:rustc-cdylib-link-arg=-Wl,--wrap={function}");
    }
    println!("cargo:rerun-if-changed=build.rs");
}

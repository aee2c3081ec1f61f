//! Routes the error functions that pgrx calls through `src/pg/error/caught.rs`, which says why.

fn main() {
    for function in ["errstart", "errfinish", "CopyErrorData"] {
        println!("cargo:rustc-cdylib-link-arg=-Wl,--wrap={function}");
    }
    println!("cargo:rerun-if-changed=build.rs");
}

//! An ERROR of the server that passes Rust frames which own something: caught whole, and thrown on as it was.
//!
//! pgrx turns an ERROR into a panic where it reaches Rust frames, so that they can drop what they own. Where the panic
//! reaches C again, pgrx raises a new error of code, message, detail and hint: a code that it does not know becomes
//! XX000, and names of constraints, columns and tables, context and positions are gone. Nobody may notice that a
//! library is loaded, so here the error that comes out is the one that went in. The linker puts the three functions
//! below in front of those of the server for calls from this library alone (see `build.rs`):
//!
//! * `CopyErrorData`, by which pgrx catches: hides a complete copy of the report in its text domain, which pgrx carries
//!   along unread;
//! * `errstart` and `errfinish`, by which pgrx raises the new error: throw the copy on in its place.
//!
//! The two ends stand in `pg_guard_ffi_boundary` and `do_ereport` of pgrx 0.18.1; another version must be read first.

use crate::pg::encoding;
use pgrx::pg_sys;
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::ffi::{CStr, CString, c_char, c_int};
use std::sync::Mutex;
use stretch_core::error_copy::{ErrorCopy, is_line};
use zeroize::Zeroize;

// The server's own functions, without the guard of the bindings: none of them may be caught again.
unsafe extern "C-unwind" {
    fn __real_CopyErrorData() -> *mut pg_sys::ErrorData;
    fn __real_errstart(elevel: c_int, domain: *const c_char) -> bool;
    fn __real_errfinish(file: *const c_char, line: c_int, function: *const c_char);
    fn ReThrowError(data: *mut pg_sys::ErrorData) -> !;
    fn MemoryContextAllocZero(context: pg_sys::MemoryContext, size: usize) -> *mut std::ffi::c_void;
}

/// A report as a value. The order of numbers and texts is that of `numbers`, `constants` and `texts` below.
pub struct Caught(ErrorCopy<10, 17>);

/// Texts that belong to the program and not to the report: the server copies only their addresses.
const CONSTANTS: usize = 5;
/// Places among all texts.
const MESSAGE: usize = CONSTANTS;
const DETAIL: usize = CONSTANTS + 1;
const HINT: usize = CONSTANTS + 3;
const SCHEMA: usize = CONSTANTS + 6;
const TABLE: usize = CONSTANTS + 7;
const CONSTRAINT: usize = CONSTANTS + 10;

fn numbers(data: &mut pg_sys::ErrorData) -> [&mut c_int; 6] {
    [
        &mut data.elevel,
        &mut data.lineno,
        &mut data.sqlerrcode,
        &mut data.cursorpos,
        &mut data.internalpos,
        &mut data.saved_errno,
    ]
}

fn flags(data: &mut pg_sys::ErrorData) -> [&mut bool; 4] {
    [
        &mut data.output_to_server,
        &mut data.output_to_client,
        &mut data.hide_stmt,
        &mut data.hide_ctx,
    ]
}

fn constants(data: &mut pg_sys::ErrorData) -> [&mut *const c_char; CONSTANTS] {
    [
        &mut data.filename,
        &mut data.funcname,
        &mut data.domain,
        &mut data.context_domain,
        &mut data.message_id,
    ]
}

fn texts(data: &mut pg_sys::ErrorData) -> [&mut *mut c_char; 12] {
    [
        &mut data.message,
        &mut data.detail,
        &mut data.detail_log,
        &mut data.hint,
        &mut data.context,
        &mut data.backtrace,
        &mut data.schema_name,
        &mut data.table_name,
        &mut data.column_name,
        &mut data.datatype_name,
        &mut data.constraint_name,
        &mut data.internalquery,
    ]
}

impl Caught {
    /// The report behind a text domain that pgrx carried.
    pub fn from_domain(domain: Option<&str>) -> Option<Self> {
        ErrorCopy::from_line(domain?).map(Self)
    }

    /// The packed SQLSTATE.
    pub fn code(&self) -> i32 {
        self.0.numbers[2]
    }

    pub fn message(&self) -> String {
        self.text(MESSAGE).unwrap_or_default()
    }

    pub fn detail(&self) -> Option<String> {
        self.text(DETAIL)
    }

    pub fn hint(&self) -> Option<String> {
        self.text(HINT)
    }

    /// Schema, table and name of the constraint that the report is about.
    pub fn constraint(&self) -> Option<[String; 3]> {
        Some([self.text(SCHEMA)?, self.text(TABLE)?, self.text(CONSTRAINT)?])
    }

    fn text(&self, at: usize) -> Option<String> {
        self.0.texts[at].as_deref().map(encoding::from_error)
    }

    /// Copies a report.
    unsafe fn of(data: &mut pg_sys::ErrorData) -> Self {
        let numbers = numbers(data).map(|number| *number);
        let flags = flags(data).map(|flag| c_int::from(*flag));
        let constants = constants(data).map(|text| *text);
        let texts = texts(data).map(|text| text.cast_const());
        // SAFETY: each text of a report is NULL or a string.
        let copy = |text: *const c_char| (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_bytes().to_vec());
        let mut all = numbers.into_iter().chain(flags);
        let mut every = constants.into_iter().chain(texts).map(copy);
        Self(ErrorCopy {
            numbers: std::array::from_fn(|_| all.next().unwrap_or_default()),
            texts: std::array::from_fn(|_| every.next().flatten()),
        })
    }

    /// The report again. Its texts lie in the server's memory for errors, which is emptied when the error has been
    /// dealt with.
    unsafe fn to_report(&self) -> pg_sys::ErrorData {
        let mut data = pg_sys::ErrorData::default();
        let mut all = self.0.numbers.iter().copied();
        for number in numbers(&mut data) {
            *number = all.next().unwrap_or_default();
        }
        for flag in flags(&mut data) {
            *flag = all.next() == Some(1);
        }
        let (of_program, of_report) = self.0.texts.split_at(CONSTANTS);
        for (place, text) in constants(&mut data).into_iter().zip(of_program) {
            *place = text.as_deref().map_or(std::ptr::null(), interned);
        }
        for (place, text) in texts(&mut data).into_iter().zip(of_report) {
            if let Some(text) = text {
                // SAFETY: allocates one byte more than is copied and leaves a zero there.
                unsafe {
                    let copy = MemoryContextAllocZero(pg_sys::ErrorContext, text.len() + 1).cast::<u8>();
                    copy.copy_from_nonoverlapping(text.as_ptr(), text.len());
                    *place = copy.cast();
                }
            }
        }
        data
    }
}

/// A constant text that lives as long as the process. A program has few, so they are never freed.
fn interned(text: &[u8]) -> *const c_char {
    static KNOWN: Mutex<Option<HashSet<&'static CStr>>> = Mutex::new(None);
    let text = CString::new(text).unwrap_or_default();
    let mut known = KNOWN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let known = known.get_or_insert_default();
    if let Some(known) = known.get(text.as_c_str()) {
        return known.as_ptr();
    }
    let text: &'static CStr = Box::leak(text.into_boxed_c_str());
    known.insert(text);
    text.as_ptr()
}

thread_local! {
    /// The domain of the report copied last: pgrx copies it at once.
    static DOMAIN: RefCell<CString> = RefCell::default();
    /// The domain that pgrx began its report with, until that report ends.
    static BEGUN: Cell<*mut c_char> = const { Cell::new(std::ptr::null_mut()) };
}

/// In front of `CopyErrorData`: the copy's text domain holds the whole report.
///
/// # Safety
/// As for `CopyErrorData`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn __wrap_CopyErrorData() -> *mut pg_sys::ErrorData {
    // SAFETY: the function gives a complete copy. Freeing it leaves the domain alone.
    unsafe {
        let data = __real_CopyErrorData();
        let line = CString::new(Caught::of(&mut *data).0.to_line()).unwrap_or_default();
        (*data).domain = DOMAIN.with_borrow_mut(|domain| {
            *domain = line;
            domain.as_ptr()
        });
        data
    }
}

/// In front of `errstart`: notes a domain that holds a report.
///
/// # Safety
/// As for `errstart`: `domain` is NULL or a string that outlives the report.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn __wrap_errstart(elevel: c_int, domain: *const c_char) -> bool {
    // What a report before this one left is of no use to anybody, and may quote a secret.
    BEGUN.set(std::ptr::null_mut());
    DOMAIN.take().into_bytes().zeroize();
    // SAFETY: as the caller promises.
    unsafe {
        if domain.is_null() || !is_line(CStr::from_ptr(domain).to_bytes()) {
            return __real_errstart(elevel, domain);
        }
        BEGUN.set(domain.cast_mut());
        __real_errstart(elevel, std::ptr::null())
    }
}

/// In front of `errfinish`: throws the noted report in the place of the one that was begun.
///
/// # Safety
/// As for `errfinish`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn __wrap_errfinish(file: *const c_char, line: c_int, function: *const c_char) {
    let domain = BEGUN.replace(std::ptr::null_mut());
    // SAFETY: as the caller promises; neither function returns for an ERROR, and nothing here is left to drop.
    unsafe {
        match report_in(domain) {
            Some(mut report) => ReThrowError(&mut report),
            None => __real_errfinish(file, line, function),
        }
    }
}

/// The report in a domain that pgrx began one with, whose memory is freed: pgrx never gets to it, as its frame is
/// jumped over.
unsafe fn report_in(domain: *mut c_char) -> Option<pg_sys::ErrorData> {
    if domain.is_null() {
        return None;
    }
    // SAFETY: `do_ereport` holds the domain as a CString, which is what is taken over here.
    let domain = unsafe { CString::from_raw(domain) };
    let caught = Caught::from_domain(domain.to_str().ok())?;
    // SAFETY: an error is being reported.
    Some(unsafe { caught.to_report() })
}

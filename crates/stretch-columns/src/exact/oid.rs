//! Numbers of built-in types (pg_type.dat) and B-tree operator families (pg_opfamily.dat); they never change.

pub const BOOL: u32 = 16;
pub const BYTEA: u32 = 17;
/// The one-byte type `"char"`.
pub const CHAR: u32 = 18;
pub const NAME: u32 = 19;
pub const INT8: u32 = 20;
pub const INT2: u32 = 21;
pub const INT4: u32 = 23;
pub const TEXT: u32 = 25;
pub const FLOAT4: u32 = 700;
pub const FLOAT8: u32 = 701;
pub const MACADDR8: u32 = 774;
pub const MACADDR: u32 = 829;
pub const INET: u32 = 869;
/// `character(n)`.
pub const BPCHAR: u32 = 1042;
pub const VARCHAR: u32 = 1043;
pub const DATE: u32 = 1082;
pub const TIME: u32 = 1083;
pub const TIMESTAMP: u32 = 1114;
pub const TIMESTAMPTZ: u32 = 1184;
pub const INTERVAL: u32 = 1186;
pub const TIMETZ: u32 = 1266;
pub const NUMERIC: u32 = 1700;
pub const UUID: u32 = 2950;

pub const BOOL_OPS: u32 = 424;
pub const BYTEA_OPS: u32 = 428;
pub const DATETIME_OPS: u32 = 434;
pub const FLOAT_OPS: u32 = 1970;
pub const INTEGER_OPS: u32 = 1976;
pub const NUMERIC_OPS: u32 = 1988;
/// Of text and name.
pub const TEXT_OPS: u32 = 1994;
pub const UUID_OPS: u32 = 2968;

/// The operator LIKE of text, `~~`, in pg_operator.
pub const TEXT_LIKE: u32 = 1209;

//! The one table of types whose comparisons in a segment are those of PostgreSQL, with operators and collations (F13).
//!
//! Five uses ask it, and they do not all get the same answer:
//!
//! * [`statistics`]: a condition of a query that may prune. It comes with an operator, which decides: the operator must
//!   order its operands as statistics do. A `name` column passes, whatever its collation, and it costs nothing: its
//!   values have no bounds, so only NULLs and key filters are asked.
//! * [`bound`]: a value that is compared with statistics. It may be of another type than the column (`int2 < int8`), so
//!   the type of the value is asked. `varchar` never comes, for no operator takes it: what comes is text.
//! * [`key_range`]: the range of new keys. It comes from an index, so there is no operator to look at, and only order
//!   is asked: text needs a collation in byte order where [`statistics`] would let an equality pass.
//! * [`hashed`]: hashes of keys, by PostgreSQL's own hash functions. They know the equality of each type, so types
//!   whose order or bytes say nothing pass too (`bpchar`, `interval`, `inet`); never a nondeterministic collation,
//!   whose hash changes with its version. `name` and `varchar` have no entry: no key filter was ever made of the one,
//!   the other comes as text.
//! * [`rows`]: conditions on decoded values. As [`statistics`], but without `name`, whose stored bytes are those of a
//!   send function.

pub mod oid;

use stretch_segment::CompareOp;

/// Families of B-tree operators that order their types as statistics do. An operator outside of them compares in some
/// other way; text_pattern_ops and bpchar_ops are left out on purpose.
pub const FAMILIES: [u32; 8] = [
    oid::INTEGER_OPS,
    oid::FLOAT_OPS,
    oid::NUMERIC_OPS,
    oid::DATETIME_OPS,
    oid::TEXT_OPS,
    oid::BOOL_OPS,
    oid::BYTEA_OPS,
    oid::UUID_OPS,
];

/// With which values an operator compares a column of a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compares {
    /// Not as statistics do.
    Never,
    /// With all that its family holds: integers of other widths, floats of the other precision.
    Family,
    /// With values of its own type: those of the family's others are converted first, which statistics do not know.
    Own,
    /// As text: with text, as the collation allows.
    Text,
}

/// In what form a datum of a type holds the value of a [`stretch_segment::Bound`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatumForm {
    /// By value: 0 or 1, `Bound::Int`.
    Bool,
    /// By value, `Bound::Int`.
    Int16,
    /// By value, `Bound::Int`; also days since 2000-01-01.
    Int32,
    /// By value, `Bound::Int`; also microseconds since 2000-01-01.
    Int64,
    /// By value, the bits of an `f32`: `Bound::Float`.
    Float32,
    /// By value, the bits of an `f64`: `Bound::Float`.
    Float64,
    /// A varlena: `Bound::Decimal`, unless it is NaN, infinite or too long for one.
    Numeric,
    /// A varlena: `Bound::Bytes`.
    Varlena,
    /// Sixteen bytes without a header: `Bound::Bytes`.
    Uuid,
}

/// One type: how operators compare it, in which form its values become bounds, whether its keys are hashed, and whether
/// decoded values are compared.
struct Row {
    oid: u32,
    compares: Compares,
    bound: Option<DatumForm>,
    hashed: bool,
    rows: bool,
}

const fn row(oid: u32, compares: Compares, bound: Option<DatumForm>, hashed: bool, rows: bool) -> Row {
    Row {
        oid,
        compares,
        bound,
        hashed,
        rows,
    }
}

const TYPES: [Row; 23] = [
    row(oid::BOOL, Compares::Family, Some(DatumForm::Bool), true, true),
    row(oid::INT2, Compares::Family, Some(DatumForm::Int16), true, true),
    row(oid::INT4, Compares::Family, Some(DatumForm::Int32), true, true),
    row(oid::INT8, Compares::Family, Some(DatumForm::Int64), true, true),
    row(oid::FLOAT4, Compares::Family, Some(DatumForm::Float32), true, true),
    row(oid::FLOAT8, Compares::Family, Some(DatumForm::Float64), true, true),
    row(oid::NUMERIC, Compares::Family, Some(DatumForm::Numeric), true, true),
    row(oid::DATE, Compares::Own, Some(DatumForm::Int32), true, true),
    row(oid::TIMESTAMP, Compares::Own, Some(DatumForm::Int64), true, true),
    row(oid::TIMESTAMPTZ, Compares::Own, Some(DatumForm::Int64), true, true),
    row(oid::TEXT, Compares::Text, Some(DatumForm::Varlena), true, true),
    row(oid::VARCHAR, Compares::Text, None, false, true),
    row(oid::BYTEA, Compares::Family, Some(DatumForm::Varlena), true, true),
    row(oid::UUID, Compares::Family, Some(DatumForm::Uuid), true, true),
    row(oid::NAME, Compares::Family, None, false, false),
    // Equality of bpchar ignores blanks, which its bytes have.
    row(oid::BPCHAR, Compares::Never, None, true, false),
    row(oid::CHAR, Compares::Never, None, true, false),
    row(oid::TIME, Compares::Never, None, true, false),
    row(oid::TIMETZ, Compares::Never, None, true, false),
    row(oid::INTERVAL, Compares::Never, None, true, false),
    row(oid::INET, Compares::Never, None, true, false),
    row(oid::MACADDR, Compares::Never, None, true, false),
    row(oid::MACADDR8, Compares::Never, None, true, false),
];

fn find(type_oid: u32) -> Option<&'static Row> {
    TYPES.iter().find(|row| row.oid == type_oid)
}

/// What a collation promises about bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Collation {
    /// The operator or key takes none.
    None,
    /// C or POSIX, or any other whose locale is one of them.
    C,
    /// The database's default; `is_c` when its locale is C or POSIX. It is deterministic.
    Default { is_c: bool },
    /// Equal texts have equal bytes, but their order may change with the version of the library.
    Deterministic,
    /// Texts with different bytes may be equal.
    Nondeterministic,
}

impl Collation {
    /// Is text ordered by its bytes?
    pub fn orders_by_bytes(self) -> bool {
        matches!(self, Self::C | Self::Default { is_c: true })
    }

    /// Are texts equal just when their bytes are?
    pub fn equal_by_bytes(self) -> bool {
        matches!(self, Self::C | Self::Default { .. } | Self::Deterministic)
    }
}

/// A member of a B-tree operator family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operator {
    /// OID of the family.
    pub family: u32,
    /// Its strategy in the family: 1 `<`, 2 `<=`, 3 `=`, 4 `>=`, 5 `>` (stratnum.h). `<>` is in no B-tree family.
    pub strategy: i32,
    /// Type of the left operand, which is the column's.
    pub left: u32,
    /// Type of the right operand, which is the value's.
    pub right: u32,
}

/// The comparison that a B-tree strategy number stands for.
pub fn compare_op(strategy: i32) -> Option<CompareOp> {
    match strategy {
        1 => Some(CompareOp::Lt),
        2 => Some(CompareOp::Le),
        3 => Some(CompareOp::Eq),
        4 => Some(CompareOp::Ge),
        5 => Some(CompareOp::Gt),
        _ => None,
    }
}

/// May a condition on a column prune by statistics, and as which comparison? `column` is the column's type below all
/// domains, `collation` the one that the operator was given. A type that is not in the table is refused, also when
/// somebody has added its operators to a built-in family.
pub fn statistics(column: u32, operator: &Operator, collation: Collation) -> Option<CompareOp> {
    let op = compare_op(operator.strategy).filter(|_| FAMILIES.contains(&operator.family))?;
    let compares = find(column)?.compares;
    let exact = match compares {
        Compares::Never => false,
        Compares::Family => operator.left == column,
        Compares::Own => operator.left == column && operator.right == column,
        Compares::Text => {
            let by_bytes = collation.orders_by_bytes() || (op == CompareOp::Eq && collation.equal_by_bytes());
            operator.left == oid::TEXT && operator.right == oid::TEXT && by_bytes
        }
    };
    exact.then_some(op)
}

/// The form of a value of this type that is compared with statistics; `None` when none can be.
pub fn bound(value: u32) -> Option<DatumForm> {
    find(value)?.bound
}

/// May the range of new keys be compared with statistics? `operand` is the type that the index's operator class takes,
/// `collation` the index column's.
pub fn key_range(operand: u32, collation: Collation) -> bool {
    bound(operand).is_some() && (operand != oid::TEXT || collation.orders_by_bytes())
}

/// May one new key be compared with statistics? As [`key_range`], but only equality is asked.
pub fn key_value(operand: u32, collation: Collation) -> bool {
    bound(operand).is_some() && (operand != oid::TEXT || collation.equal_by_bytes())
}

/// Are hashes of keys of this type, by the type's own extended hash function, the same in every database of one
/// encoding?
pub fn hashed(operand: u32, collation: Collation) -> bool {
    collation != Collation::Nondeterministic && find(operand).is_some_and(|row| row.hashed)
}

/// May conditions that passed [`statistics`] be decided on decoded values of a column of this type?
pub fn rows(column: u32) -> bool {
    find(column).is_some_and(|row| row.rows)
}

/// May LIKE by this operator be decided on bytes of a column of this type? It looks for characters one by one, and only
/// under a collation that takes characters of other bytes for others.
pub fn like(operator: u32, column: u32, collation: Collation) -> bool {
    operator == oid::TEXT_LIKE && matches!(column, oid::TEXT | oid::VARCHAR) && collation.equal_by_bytes()
}

/// Are bytes of text in a segment comparable with those of a condition? Stored text is UTF-8, or in the server's
/// encoding where that is SQL_ASCII; conditions are in the server's encoding (F13). Both are names as
/// `pg_encoding_to_char` gives them.
pub fn text_comparable(database: &str, segment: &str) -> bool {
    database == segment && matches!(database, "UTF8" | "SQL_ASCII")
}

#[cfg(test)]
mod tests;

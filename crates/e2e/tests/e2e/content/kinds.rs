//! The column types of random tables, and their values as text that the type's input function takes.

use super::values as v;
use rand::rngs::StdRng;

/// How the extension is to keep a type (design §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeping {
    /// As a native column of Parquet.
    Native,
    /// As what the type's functions write.
    Fallback,
}

/// A column type.
pub struct Kind {
    /// What stands in CREATE TABLE.
    pub sql: &'static str,
    pub keeping: Keeping,
    /// Whether its send function exists and names no object that a restored database knows by another number.
    pub portable_send: bool,
    pub value: fn(&mut StdRng) -> String,
}

/// Types made by hand, for every database.
pub const OWN_TYPES: &str = "
    CREATE TYPE mood AS ENUM ('sad', 'ok', 'very happy');
    CREATE TYPE pair AS (n int, s text, f float8);
    CREATE TYPE nested AS (m mood, p pair, a mood[], d numeric);
    CREATE TYPE text_range AS RANGE (subtype = text, collation = \"C\");
    CREATE TYPE mood_range AS RANGE (subtype = mood);
    CREATE DOMAIN positive AS int CHECK (VALUE > 0);
    CREATE DOMAIN more_positive AS positive CHECK (VALUE < 1000000);
    CREATE DOMAIN money_amount AS numeric(12,2) NOT NULL DEFAULT 0;
    CREATE DOMAIN short_text AS varchar(40);
    CREATE DOMAIN mood_domain AS mood;
    CREATE DOMAIN moods AS mood[];
    CREATE DOMAIN pair_domain AS pair CHECK ((VALUE).n IS DISTINCT FROM 77);
    CREATE DOMAIN when_domain AS timestamptz;";

const fn native(sql: &'static str, value: fn(&mut StdRng) -> String) -> Kind {
    Kind {
        sql,
        keeping: Keeping::Native,
        portable_send: true,
        value,
    }
}

const fn fallback(sql: &'static str, value: fn(&mut StdRng) -> String) -> Kind {
    Kind {
        keeping: Keeping::Fallback,
        ..native(sql, value)
    }
}

/// A fallback whose bytes hold object identifiers, or which has no send function at all.
const fn by_name(sql: &'static str, value: fn(&mut StdRng) -> String) -> Kind {
    Kind {
        portable_send: false,
        ..fallback(sql, value)
    }
}

/// Every type that the test knows; each occurs in every run.
pub const KINDS: &[Kind] = &[
    native("boolean", v::boolean),
    native("smallint", v::int2),
    native("int", v::int4),
    native("bigint", v::int8),
    native("real", v::float4),
    native("double precision", v::float8),
    native("numeric(9,2)", |r| v::decimal(r, 7, 2)),
    native("numeric(38,10)", |r| v::decimal(r, 28, 10)),
    native("numeric(18,0)", |r| v::decimal(r, 18, 0)),
    native("numeric(5,-2)", |r| v::decimal(r, 6, 0)),
    native("numeric(60,30)", |r| v::decimal(r, 30, 30)),
    native("numeric", v::numeric),
    native("text", v::text),
    native("text COLLATE \"C\"", v::text),
    native("varchar", v::text),
    native("varchar(30)", v::short),
    native("char(12)", v::padded),
    native("bytea", v::bytea),
    native("date", v::date),
    native("timestamp", v::timestamp),
    native("timestamp(3)", v::timestamp),
    native("timestamptz", v::timestamptz),
    native("uuid", v::uuid),
    native("positive", v::positive),
    native("more_positive", v::positive),
    native("money_amount", |r| v::decimal(r, 9, 2)),
    native("short_text", v::short),
    native("when_domain", v::timestamptz),
    fallback("jsonb", v::json),
    fallback("json", v::json),
    fallback("int[]", v::int_array),
    fallback("text[]", v::text_array),
    fallback("numeric(8,3)[]", v::numeric_array),
    fallback("interval", v::interval),
    fallback("interval day to second(2)", v::interval),
    fallback("inet", v::inet),
    fallback("cidr", v::cidr),
    fallback("macaddr", v::macaddr),
    fallback("time", v::time),
    fallback("timetz", v::timetz),
    fallback("money", v::money),
    fallback("int4range", v::int_range),
    fallback("tstzrange", v::time_range),
    fallback("int8multirange", v::multirange),
    fallback("text_range", v::text_range),
    fallback("tsvector", v::tsvector),
    fallback("tsquery", v::tsquery),
    fallback("xml", v::xml),
    fallback("bit(11)", |r| v::bits(r, 11)),
    fallback("varbit", v::varbit),
    fallback("point", v::point),
    fallback("box", v::a_box),
    fallback("path", v::path),
    fallback("pg_lsn", v::lsn),
    fallback("name", v::short),
    fallback("\"char\"", v::one_char),
    fallback("oid", v::oid),
    fallback("mood", v::mood),
    fallback("mood_domain", v::mood),
    fallback("pair", v::pair),
    fallback("pair_domain", v::pair),
    by_name("mood[]", v::mood_array),
    by_name("moods", v::mood_array),
    by_name("nested", v::nested),
    by_name("mood_range", v::mood_range),
    by_name("aclitem", v::aclitem),
    by_name("regclass", v::regclass),
    by_name("regtype", v::regtype),
];

//! What became of objects, on its way to whoever called `stretch.collect`.

use super::round::Line;
use crate::pg::error::Result;
use crate::pg::spi;
use pgrx::datum::DatumWithOid;

/// Lines of one statement.
const AT_ONCE: usize = 1000;

/// Leaves the lines where the caller fetches them; earlier ones have been fetched or given up.
pub fn publish(request: &str, lines: &[Line]) -> Result<()> {
    spi::execute("DELETE FROM stretch.collect_report", &[])?;
    for (number, part) in lines.chunks(AT_ONCE).enumerate() {
        let texts = |of: fn(&Line) -> &str| part.iter().map(|line| Some(of(line).to_owned())).collect::<Vec<_>>();
        let args: [DatumWithOid<'_>; 6] = [
            request.into(),
            ((number * AT_ONCE) as i64).into(),
            texts(|line| &line.key).into(),
            part.iter()
                .map(|line| Some(line.bytes as i64))
                .collect::<Vec<_>>()
                .into(),
            texts(|line| &line.reason).into(),
            part.iter().map(|line| Some(line.deleted)).collect::<Vec<_>>().into(),
        ];
        spi::execute(
            "INSERT INTO stretch.collect_report (request_id, ordinal, object_key, bytes, reason, deleted)
             SELECT $1::uuid, $2 + n, k, b, r, d
               FROM unnest($3::text[], $4::int8[], $5::text[], $6::bool[]) WITH ORDINALITY AS l (k, b, r, d, n)",
            &args,
        )?;
    }
    Ok(())
}

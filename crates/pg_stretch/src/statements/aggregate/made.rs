//! Partial groups as rows of the executor.

use super::recognise::Item;
use crate::cold::values::{self, Maker, Values};
use crate::pg::context::Context;
use crate::pg::error::{Error, Result};
use crate::pg::slot;
use arrow_array::Array;
use pgrx::pg_sys;
use std::rc::Rc;
use stretch_columns::aggregate::{Output, Partials};

/// How keys become datums: their types, in a table of this owner, whose segments a database of this encoding wrote.
pub struct Keys {
    pub base_types: Vec<pg_sys::Oid>,
    pub owner: pg_sys::Oid,
    pub encoding: Rc<str>,
}

/// Groups with their datums.
#[derive(Default)]
pub struct Made {
    rows: usize,
    next: usize,
    /// One list per item of the target.
    columns: Vec<Vec<Option<pg_sys::Datum>>>,
    /// What datums of keys point at.
    _keys: Vec<Values>,
}

impl Made {
    /// The rows of the groups. Their datums live in the context, which is reset before, or with this.
    ///
    /// # Safety
    /// Nobody looks at what was in the context.
    pub unsafe fn new(groups: Partials, items: &[Item], keys: &Keys, context: Context) -> Result<Self> {
        // SAFETY: the caller's promise.
        unsafe { context.reset() };
        let _inside = context.enter();
        let mut kept = Vec::new();
        let column = |item: &Item| match *item {
            Item::Key(at) => key(&groups, at, keys, context, &mut kept),
            Item::Aggregate(at) => Ok(aggregate(&groups.values[at])),
        };
        Ok(Self {
            rows: groups.groups,
            next: 0,
            columns: items.iter().map(column).collect::<Result<_>>()?,
            _keys: kept,
        })
    }

    /// Puts the next row into the slot; false at the end.
    ///
    /// # Safety
    /// The slot is virtual and has the layout of the target.
    pub unsafe fn fill(&mut self, into: *mut pg_sys::TupleTableSlot) -> bool {
        if self.next >= self.rows {
            return false;
        }
        // SAFETY: the caller's promise.
        unsafe {
            slot::clear(into);
            for (place, column) in self.columns.iter().enumerate() {
                let value = column.get(self.next).copied().flatten();
                (*into).tts_isnull.add(place).write(value.is_none());
                (*into)
                    .tts_values
                    .add(place)
                    .write(value.unwrap_or(pg_sys::Datum::from(0)));
            }
            (*into).tts_flags &= !(pg_sys::TTS_FLAG_EMPTY as u16);
            (*into).tts_nvalid = self.columns.len() as i16;
        }
        self.next += 1;
        true
    }
}

/// The values of a key; what they point at is in the context, or with those that are kept.
fn key(
    groups: &Partials,
    at: usize,
    keys: &Keys,
    context: Context,
    kept: &mut Vec<Values>,
) -> Result<Vec<Option<pg_sys::Datum>>> {
    let Some(key) = &groups.keys[at] else {
        return Ok(vec![None; groups.groups]);
    };
    let mut maker = Maker::new(
        key.reading,
        keys.base_types[at],
        keys.owner,
        keys.encoding.clone(),
        context.as_ptr(),
    );
    let mut values = Vec::with_capacity(groups.groups);
    for array in &key.values {
        let mut made = Values::default();
        maker.make(array, 0..array.len(), &mut made)?;
        let value = |(row, datum): (usize, &pg_sys::Datum)| (!array.is_null(row)).then_some(*datum);
        values.extend(made.datums.iter().enumerate().map(value));
        kept.push(made);
    }
    match values.len() == groups.groups {
        true => Ok(values),
        false => Err(Error::internal("groups have other keys than they are")),
    }
}

fn aggregate(output: &Output) -> Vec<Option<pg_sys::Datum>> {
    match output {
        Output::Words(words) => words
            .iter()
            .map(|word| word.map(|word| pg_sys::Datum::from(word as usize)))
            .collect(),
        Output::Placed(area) => {
            let base = values::copied(area.bytes());
            let places = area.places().iter();
            places
                .map(|place| place.map(|place| pg_sys::Datum::from(base + place)))
                .collect()
        }
    }
}

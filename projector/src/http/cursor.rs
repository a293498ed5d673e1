//! Where a page begins. Opaque to clients, so that what it holds can change.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;

use super::{parameter::inline_schema, sort::Sort};
use crate::queries::page::Place;

/// Beside this ticket, in this order. On the wire: base64url of `newest>123>123`, or with `<` for the page before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Cursor(pub Beside);

inline_schema!(Cursor, { "type": "string", "minLength": 1, "maxLength": 120 });

/// What a cursor says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beside {
    /// The order of the list it belongs to.
    pub sort: Sort,
    /// Whether the page ends there instead of beginning there.
    pub before: bool,
    /// The ticket on the other side.
    pub place: Place,
}

impl Beside {
    /// The number before the first ticket.
    pub const START: i64 = -1;

    /// Before the first ticket of a list.
    #[must_use]
    pub const fn start(sort: Sort) -> Self {
        Self { sort, before: false, place: Place { key: Self::START, number: Self::START } }
    }
}

/// The text is not a cursor.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("cursor is not one we gave: take it from nextCursor or prevCursor")]
pub struct NotACursor;

impl TryFrom<String> for Cursor {
    type Error = NotACursor;

    fn try_from(text: String) -> Result<Self, NotACursor> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| NotACursor)?;
        let text = str::from_utf8(&bytes).map_err(|_| NotACursor)?;
        let before = text.contains('<');
        let mut parts = text.split(if before { '<' } else { '>' });
        let (Some(sort), Some(key), Some(number), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(NotACursor);
        };
        let sort = Sort::ALL.into_iter().find(|known| known.name() == sort).ok_or(NotACursor)?;
        let number_of = |text: &str| text.parse::<i64>().ok().filter(|number| *number >= 0).ok_or(NotACursor);
        Ok(Self(Beside { sort, before, place: Place { key: number_of(key)?, number: number_of(number)? } }))
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(Beside { sort, before, place: Place { key, number } }) = self;
        let side = if *before { '<' } else { '>' };
        f.write_str(&URL_SAFE_NO_PAD.encode(format!("{}{side}{key}{side}{number}", sort.name())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_as_itself_and_nothing_else_does() {
        for sort in Sort::ALL {
            for before in [true, false] {
                let cursor = Cursor(Beside { sort, before, place: Place { key: i64::MAX, number: 7 } });
                assert_eq!(Cursor::try_from(cursor.to_string()), Ok(cursor));
            }
        }
        for clear in ["", "7", "newest", "newest>1", "newest>1>2>3", "newest>1<2", "newest>-1>2", "best>1>2"]
        {
            assert_eq!(Cursor::try_from(URL_SAFE_NO_PAD.encode(clear)), Err(NotACursor), "{clear}");
        }
        assert_eq!(Cursor::try_from("%%%".to_owned()), Err(NotACursor));
    }
}

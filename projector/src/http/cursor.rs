//! Where the next page begins. Opaque to clients, so that what it holds can change.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;

use crate::queries::page::Sort;

/// After this ticket, in this order. On the wire: base64url of `newest:123`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Cursor {
    /// The order of the list it belongs to.
    pub sort: Sort,
    /// The number of the last ticket of the page before.
    pub after: i64,
}

/// The text is not a cursor.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("cursor is not one we gave: take it from nextCursor")]
pub struct NotACursor;

impl TryFrom<String> for Cursor {
    type Error = NotACursor;

    fn try_from(text: String) -> Result<Self, NotACursor> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| NotACursor)?;
        let text = str::from_utf8(&bytes).map_err(|_| NotACursor)?;
        let (sort, after) = text.split_once(':').ok_or(NotACursor)?;
        let sort = match sort {
            "newest" => Sort::Newest,
            "oldest" => Sort::Oldest,
            _ => return Err(NotACursor),
        };
        Ok(Self { sort, after: after.parse().map_err(|_| NotACursor)? })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sort = match self.sort {
            Sort::Newest => "newest",
            Sort::Oldest => "oldest",
        };
        f.write_str(&URL_SAFE_NO_PAD.encode(format!("{sort}:{}", self.after)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_as_itself_and_nothing_else_does() {
        for cursor in
            [Cursor { sort: Sort::Newest, after: 7 }, Cursor { sort: Sort::Oldest, after: i64::MAX }]
        {
            assert_eq!(Cursor::try_from(cursor.to_string()), Ok(cursor));
        }
        for text in ["", "7", "bmV3ZXN0", "bmV3ZXN0OjEuNQ", "%%%"] {
            assert_eq!(Cursor::try_from(text.to_owned()), Err(NotACursor), "{text}");
        }
    }
}

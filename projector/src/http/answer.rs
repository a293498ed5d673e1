//! The shape of every successful answer. Serialised straight from the types: a detour over `serde_json::Value` would
//! turn a confidence of 0.93 into 0.9300000071525574.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use serde::Serialize;

/// `{"success": true, "data": …}`.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Answer<T> {
    success: bool,
    data: T,
}

/// `{"success": true, "data": […], "nextCursor": …, "prevCursor": …}`; null at the ends of the list.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct Page<T> {
    success: bool,
    data: Vec<T>,
    next_cursor: Option<String>,
    prev_cursor: Option<String>,
}

impl<T> Answer<T> {
    /// An answer with this data.
    pub const fn new(data: T) -> Self {
        Self { success: true, data }
    }
}

impl<T> Page<T> {
    /// A page, and where its neighbours begin.
    #[must_use]
    pub const fn new(data: Vec<T>, next_cursor: Option<String>, prev_cursor: Option<String>) -> Self {
        Self { success: true, data, next_cursor, prev_cursor }
    }
}

impl<T: Serialize> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        Json(self).into_response()
    }
}

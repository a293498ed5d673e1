//! The shape of every successful answer. Serialised straight from the types: a detour over `serde_json::Value` would
//! turn a confidence of 0.93 into 0.9300000071525574.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use serde::Serialize;

/// `{"success": true, "data": …}`.
#[derive(Debug, Serialize)]
pub struct Answer<T> {
    success: bool,
    data: T,
}

/// `{"success": true, "data": […], "nextCursor": …}`; null at the end of the list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    success: bool,
    data: Vec<T>,
    next_cursor: Option<String>,
}

impl<T> Answer<T> {
    /// An answer with this data.
    pub const fn new(data: T) -> Self {
        Self { success: true, data }
    }
}

impl<T> Page<T> {
    /// A page, and where the next one begins.
    #[must_use]
    pub const fn new(data: Vec<T>, next_cursor: Option<String>) -> Self {
        Self { success: true, data, next_cursor }
    }
}

impl<T: Serialize> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        Json(self).into_response()
    }
}

impl<T: Serialize> IntoResponse for Page<T> {
    fn into_response(self) -> Response {
        Json(self).into_response()
    }
}

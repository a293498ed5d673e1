//! The `{id}` of a path: a ticket's id or its number.

use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};
use service_host::Problem;

use super::no_such_ticket;
use crate::queries::ticket::TicketKey;

impl<S: Send + Sync> FromRequestParts<S> for TicketKey {
    type Rejection = Problem;

    /// Text that can name no ticket answers like a ticket that is not there.
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(text) =
            Path::<String>::from_request_parts(parts, state).await.map_err(|_| no_such_ticket())?;
        text.parse().map_err(|_| no_such_ticket())
    }
}

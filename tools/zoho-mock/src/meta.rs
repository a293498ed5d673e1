//! Meta calls: the fields of the form, and the list of applications.

use axum::{
    extract::{Path, State},
    response::Response,
};
use serde_json::json;

use crate::{
    auth,
    envelope::{self, Refusal},
    form::Field,
    world::Shared,
};

/// What a client compares its mapping with before it sends anything.
pub(crate) async fn fields(
    State(shared): State<Shared>,
    Path((owner, app, form)): Path<(String, String, String)>,
) -> Result<Response, Refusal> {
    auth::check_app(&shared.settings.names, &owner, &app)?;
    auth::check_form(&shared.settings.names, &form)?;
    let fields: Vec<_> = shared.form.fields.iter().map(Field::description).collect();
    Ok(envelope::success(json!({"fields": fields})))
}

/// The cheapest probe of credentials: it needs neither owner nor application.
pub(crate) async fn applications(State(shared): State<Shared>) -> Response {
    let names = &shared.settings.names;
    envelope::success(json!({"applications": [{
        "application_name": names.app,
        "link_name": names.app,
        "workspace_name": names.owner,
        "category": 1,
        "date_format": "dd-MMM-yyyy",
        "time_zone": shared.settings.limits.utc_offset.to_string(),
        "creation_date": shared.started.format(crate::criteria::DATE_TIME).to_string(),
    }]}))
}

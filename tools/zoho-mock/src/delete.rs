//! Delete one record: `DELETE …/report/{report}/{ID}`.

use axum::{
    extract::{Path, State},
    response::Response,
};
use serde_json::json;

use crate::{
    auth,
    envelope::{self, Refusal},
    get::find,
    update::shown_id,
    world::Shared,
};

pub(crate) async fn delete_one(
    State(shared): State<Shared>,
    Path((owner, app, report, id)): Path<(String, String, String, String)>,
) -> Result<Response, Refusal> {
    auth::check_app(&shared.settings.names, &owner, &app)?;
    auth::check_report(&shared.settings.names, &report)?;
    let id = shared.change(|world| {
        let id = find(&world.store, &id)?.id;
        world.store.remove(id);
        world.counters.records_deleted += 1;
        Ok::<_, Refusal>(id)
    })??;
    Ok(envelope::success(
        json!({"data": {"ID": shown_id(&shared, id)}, "message": "Data Deleted Successfully"}),
    ))
}

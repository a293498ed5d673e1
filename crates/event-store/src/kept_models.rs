//! Models that were promoted. The log names them (`ModelPromoted`); what is too large for an event is kept here.

use schemas::analysis::ModelRef;
use sqlx::PgPool;

use crate::error::StoreError;

/// The files of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptModel {
    /// What the weights mean.
    pub manifest: Vec<u8>,
    /// The weights.
    pub weights: Vec<u8>,
}

/// Keeps a model. Keeping it again changes nothing.
///
/// # Errors
/// As [`StoreError`].
pub async fn keep(
    pool: &PgPool,
    model: &ModelRef,
    manifest: &[u8],
    weights: &[u8],
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into analyzer.models (sha256, name, revision, manifest, weights) values ($1, $2, $3, $4, $5)
         on conflict (sha256) do nothing",
        model.sha256,
        model.name,
        model.revision,
        manifest,
        weights,
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// A kept model.
///
/// # Errors
/// As [`StoreError`].
pub async fn find(pool: &PgPool, model: &ModelRef) -> Result<Option<KeptModel>, StoreError> {
    let kept = sqlx::query_as!(
        KeptModel,
        "select manifest, weights from analyzer.models where sha256 = $1",
        model.sha256,
    )
    .fetch_optional(pool)
    .await?;
    Ok(kept)
}

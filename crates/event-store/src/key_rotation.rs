//! Replacing the master key while everything runs: what it wraps is wrapped anew, and nothing that was sealed is touched.
//! Each step can be repeated, so a rotation that was interrupted goes on where it was.

use sqlx::PgPool;

use crate::{
    master_keys::{MasterKey, MasterKeys},
    personal_keys::{self, HASH_KEY_PLACE, KeyError},
};

/// What is wrapped by which master key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The one in use: new keys are wrapped by it. `None` before the first service has started.
    pub in_use: Option<String>,
    /// How many requesters' keys each of them wraps; `None` is from before there were ids.
    pub wrapped: Vec<(Option<String>, i64)>,
}

/// What became of some keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rewrapped {
    /// Wrapped anew.
    pub keys: usize,
    /// Whose keys no known master key opens.
    pub unopenable: Vec<String>,
    /// The requester to go on after; `None` when there is nothing left.
    pub last: Option<String>,
}

impl Status {
    /// How many keys `master` does not wrap.
    #[must_use]
    pub fn left_for(&self, master: &MasterKey) -> i64 {
        let others = self.wrapped.iter().filter(|(id, _)| id.as_deref() != Some(master.id()));
        others.map(|(_, keys)| keys).sum()
    }
}

/// What is wrapped by which master key now.
///
/// # Errors
/// As [`KeyError`].
pub async fn status(pool: &PgPool) -> Result<Status, KeyError> {
    let in_use = sqlx::query_scalar!("select master_id from personal.hash_key").fetch_optional(pool).await?;
    let counts = sqlx::query!(
        r#"select master_id, count(*) as "keys!" from personal.requester_keys group by master_id order by 1"#
    )
    .fetch_all(pool)
    .await?;
    let wrapped = counts.into_iter().map(|row| (row.master_id, row.keys)).collect();
    Ok(Status { in_use: in_use.flatten(), wrapped })
}

/// Puts `target` in use, and returns once nobody wraps a new key by another one any more.
///
/// # Errors
/// [`KeyError::WrongMasterKey`] when none of `known` opens what is there.
pub async fn put_in_use(pool: &PgPool, known: &MasterKeys, target: &MasterKey) -> Result<(), KeyError> {
    let mut transaction = pool.begin().await?;
    let row = sqlx::query!("select wrapped, master_id from personal.hash_key for update")
        .fetch_optional(&mut *transaction)
        .await?;
    if let Some(row) = row.filter(|row| row.master_id.as_deref() != Some(target.id())) {
        let (hash_key, _) = personal_keys::unwrap(known, &row.wrapped, HASH_KEY_PLACE)?;
        let wrapped = target.key().encrypt(hash_key.bytes(), HASH_KEY_PLACE)?;
        sqlx::query!("update personal.hash_key set wrapped = $1, master_id = $2", wrapped, target.id())
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await?;
    wait_for_writers(pool).await
}

/// Whoever was writing a key when the master key changed has finished afterwards; whoever comes later sees the change.
async fn wait_for_writers(pool: &PgPool) -> Result<(), KeyError> {
    let mut transaction = pool.begin().await?;
    sqlx::query("lock table personal.requester_keys in share mode").execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(())
}

/// Wraps up to `limit` keys of requesters after `after` anew, those that `target` does not wrap yet.
///
/// # Errors
/// As [`KeyError`]; a key that does not open is no error, but counted.
pub async fn rewrap(
    pool: &PgPool,
    known: &MasterKeys,
    target: &MasterKey,
    after: &str,
    limit: i64,
) -> Result<Rewrapped, KeyError> {
    let rows = sqlx::query!(
        "select requester_id, wrapped from personal.requester_keys
         where master_id is distinct from $1 and requester_id > $2
         order by requester_id limit $3",
        target.id(),
        after,
        limit,
    )
    .fetch_all(pool)
    .await?;
    let mut outcome =
        Rewrapped { last: rows.last().map(|row| row.requester_id.clone()), ..Rewrapped::default() };
    let (mut ids, mut before, mut wrapped) = (vec![], vec![], vec![]);
    for row in rows {
        let place = row.requester_id.as_bytes();
        if let Ok((key, _)) = personal_keys::unwrap(known, &row.wrapped, place) {
            wrapped.push(target.key().encrypt(key.bytes(), place)?);
            before.push(row.wrapped);
            ids.push(row.requester_id);
        } else {
            outcome.unopenable.push(row.requester_id);
        }
    }
    // Only what is still as it was read: a requester who is erased meanwhile stays erased.
    let changed = sqlx::query!(
        "update personal.requester_keys k set wrapped = n.wrapped, master_id = $4
         from unnest($1::text[], $2::bytea[], $3::bytea[]) n(requester_id, before, wrapped)
         where k.requester_id = n.requester_id and k.wrapped = n.before",
        &ids,
        &before,
        &wrapped,
        target.id(),
    )
    .execute(pool)
    .await?;
    outcome.keys = changed.rows_affected() as usize;
    Ok(outcome)
}

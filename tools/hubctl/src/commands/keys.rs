//! `hubctl keys`.

use std::{
    fs::OpenOptions,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use event_store::{
    MasterKeys,
    key_rotation::{self, Status},
    master_keys::{MasterKey, generate_master_key},
};
use sqlx::PgPool;

use crate::{backbone::Database, view};

/// Keys wrapped anew in one statement.
const CHUNK: i64 = 500;

#[derive(clap::Subcommand)]
pub(crate) enum Args {
    /// Make the master key of personal data, unless the file is there. Whoever loses it loses the data: keep a copy
    /// away from the database and its backups
    Create {
        /// Where to put it; readable by its owner only
        #[arg(env = "HUB_MASTER_KEY_FILE")]
        file: PathBuf,
    },
    /// Show which master key wraps how many requesters' keys
    Status(Place),
    /// Replace the master key while the services run: a new one comes first in the file, and everything that the old one
    /// wraps is wrapped anew. Events are not touched. Interrupted, it goes on where it was
    Rotate {
        #[command(flatten)]
        place: Place,
        /// Only put the new key into the file, to be copied to wherever services run before going on without this
        #[arg(long, conflicts_with_all = ["dry_run", "limit"])]
        prepare: bool,
        /// Only show what would be done
        #[arg(long)]
        dry_run: bool,
        /// Wrap at most so many keys now
        #[arg(long)]
        limit: Option<i64>,
    },
    /// Take master keys that wrap nothing any more out of the file, into the file beside it with `.retired` at its end:
    /// older backups of the database need them
    Retire {
        #[command(flatten)]
        place: Place,
        /// Without it nothing is done
        #[arg(long)]
        yes: bool,
    },
}

/// Where the keys are, and what wraps them.
#[derive(clap::Args)]
pub(crate) struct Place {
    #[command(flatten)]
    database: Database,
    /// The file with the master key
    #[arg(long = "file", env = "HUB_MASTER_KEY_FILE")]
    file: PathBuf,
}

impl Place {
    fn open(&self) -> anyhow::Result<(PgPool, MasterKeys)> {
        Ok((self.database.pool()?, MasterKeys::from_file(&self.file)?))
    }
}

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    match args {
        Args::Create { file } => create(&file),
        Args::Status(place) => {
            let (pool, known) = place.open()?;
            show(&key_rotation::status(&pool).await?, &known);
            Ok(())
        }
        Args::Rotate { place, prepare: true, .. } => {
            let (pool, known) = place.open()?;
            let status = key_rotation::status(&pool).await?;
            let target = target(&known, &status)?;
            println!(
                "{} is the next master key: copy {} to every service",
                target.id(),
                place.file.display()
            );
            Ok(())
        }
        Args::Rotate { place, dry_run: true, .. } => {
            let (pool, known) = place.open()?;
            preview(&key_rotation::status(&pool).await?, &known);
            Ok(())
        }
        Args::Rotate { place, limit, .. } => {
            let (pool, known) = place.open()?;
            rotate(&pool, &known, limit.unwrap_or(i64::MAX)).await
        }
        Args::Retire { place, yes } => {
            let (pool, known) = place.open()?;
            retire(&key_rotation::status(&pool).await?, &known, yes)
        }
    }
}

fn create(file: &Path) -> anyhow::Result<()> {
    let shown = file.display();
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(file) {
        Ok(mut new) => {
            new.write_all(generate_master_key().as_bytes()).and_then(|()| new.sync_all())?;
            println!("made the master key {shown}");
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            MasterKeys::from_file(file)?;
            println!("the master key {shown} is there already");
        }
        Err(error) => return Err(error).with_context(|| format!("making the master key {shown}")),
    }
    Ok(())
}

fn show(status: &Status, known: &MasterKeys) {
    let in_use = status.in_use.as_deref().unwrap_or("none yet: no service has started");
    println!("master key in use: {in_use}");
    for (id, keys) in &status.wrapped {
        let name = id.as_deref().unwrap_or("unnamed, from before keys had ids");
        let is_known = id.as_deref().is_none_or(|id| known.by_id(id).is_some());
        println!(
            "{keys:>10}  keys wrapped by {name}{}",
            if is_known { "" } else { ", which is not in the file" }
        );
    }
    for key in known.all() {
        println!("in the file: {}", key.id());
    }
}

/// Whether everything is wrapped by the first key of the file, so that a rotation begins with a new one.
fn is_settled(status: &Status, first: &MasterKey) -> bool {
    status.in_use.as_deref().is_none_or(|id| id == first.id()) && status.left_for(first) == 0
}

/// The key to wrap by: the first of the file, or a new one if that is what everything is wrapped by already.
fn target(known: &MasterKeys, status: &Status) -> anyhow::Result<MasterKey> {
    let first = known.first();
    Ok(if is_settled(status, &first) { known.add()? } else { first })
}

fn preview(status: &Status, known: &MasterKeys) {
    let first = known.first();
    if is_settled(status, &first) {
        let keys: i64 = status.wrapped.iter().map(|(_, keys)| keys).sum();
        println!("a new master key would come into the file, and {keys} keys would be wrapped by it");
    } else {
        let keys = status.left_for(&first);
        println!("a rotation to {} is under way: {keys} keys would be wrapped by it", first.id());
    }
}

async fn rotate(pool: &PgPool, known: &MasterKeys, limit: i64) -> anyhow::Result<()> {
    let status = key_rotation::status(pool).await?;
    let target = target(known, &status)?;
    key_rotation::put_in_use(pool, known, &target).await?;
    println!("master key in use: {}", target.id());
    let progress = view::progress("wrapping");
    progress.set_length(key_rotation::status(pool).await?.left_for(&target).min(limit) as u64);
    let (mut done, mut unopenable, mut after) = (0, vec![], String::new());
    while done < limit {
        let found = key_rotation::rewrap(pool, known, &target, &after, CHUNK.min(limit - done)).await?;
        let Some(last) = found.last else { break };
        crash_points::reach("keys.rewrapped");
        done += found.keys as i64;
        progress.inc(found.keys as u64);
        unopenable.extend(found.unopenable);
        after = last;
    }
    progress.finish_and_clear();
    println!("{done} keys wrapped anew");
    finish(&key_rotation::status(pool).await?, &target, &unopenable)
}

fn finish(status: &Status, target: &MasterKey, unopenable: &[String]) -> anyhow::Result<()> {
    anyhow::ensure!(
        unopenable.is_empty(),
        "{} keys open with no master key of the file, the first that of requester {}: add the one they were wrapped by",
        unopenable.len(),
        unopenable[0],
    );
    match status.left_for(target) {
        0 => println!("everything is wrapped by it; `hubctl keys retire` takes the old one out of the file"),
        left => println!("{left} keys are left: run it again"),
    }
    Ok(())
}

fn retire(status: &Status, known: &MasterKeys, yes: bool) -> anyhow::Result<()> {
    let in_use = status.in_use.as_deref().context("no service has started yet: nothing to retire")?;
    let kept = known.by_id(in_use).context("the master key in use is not in the file")?;
    let left = status.left_for(&kept);
    anyhow::ensure!(left == 0, "{left} keys are wrapped by others still: `hubctl keys rotate` first");
    anyhow::ensure!(yes, "nothing done: this leaves {in_use} alone in the file; add --yes");
    for key in known.retire_all_but(&kept)? {
        println!("retired {}", key.id());
    }
    println!("in the file: {in_use}");
    Ok(())
}

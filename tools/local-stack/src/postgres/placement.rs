//! Where the data directory really is, and who it belongs to.
//!
//! When we are root, Postgres runs as another user, who may be unable to reach a directory below `/root` or below a
//! private temporary directory. The data then lives below `/var/lib`, and the wanted directory is a link to it.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, symlink},
    path::{Path, PathBuf},
};

use super::beside;
use crate::{
    error::{Doing, Error, Result},
    unprivileged::User,
};

/// Everybody can reach this, and root can write it.
const ELSEWHERE: &str = "/var/lib/smart-service-hub";

/// Where a cluster is.
pub(super) struct Place {
    /// The real directory, without links.
    pub(super) dir: PathBuf,
    /// Who runs the server; `None`: we do.
    pub(super) user: Option<User>,
    /// Whether the data is elsewhere than wanted.
    pub(super) relocated: bool,
}

/// Decides where the cluster is and makes its parent directory.
pub(super) fn find(wanted: &Path) -> Result<Place> {
    if let Some(target) = link_of_the_user(wanted)? {
        return find(&target);
    }
    let parent = wanted.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(parent).doing(|| format!("create {}", parent.display()))?;
    if let Some(dir) = elsewhere_already(wanted) {
        return Ok(Place { user: user_for(&dir)?, dir, relocated: true });
    }
    let parent = parent.canonicalize().doing(|| format!("find {}", parent.display()))?;
    let dir = parent.join(wanted.file_name().unwrap_or_default());
    match user_for(&dir)? {
        Some(user) if !user.reaches(&parent)? => relocate(&dir, &user),
        user => Ok(Place { dir, user, relocated: false }),
    }
}

/// Makes an empty directory that only whoever runs the server can look into.
pub(super) fn create_dir(dir: &Path, user: Option<&User>) -> Result<()> {
    let parent = dir.parent().unwrap_or(dir);
    fs::create_dir_all(parent).doing(|| format!("create {}", parent.display()))?;
    fs::DirBuilder::new().mode(0o700).create(dir).doing(|| format!("create {}", dir.display()))?;
    user.map_or(Ok(()), |user| user.own(dir))
}

/// Deletes the cluster, its link and its password.
pub(super) fn remove(wanted: &Path) -> Result<()> {
    if let Some(target) = link_of_the_user(wanted)? {
        remove(&target)?;
        return remove_file(wanted);
    }
    if let Some(dir) = elsewhere_already(wanted) {
        remove_dir(dir.parent().unwrap_or(&dir))?;
        remove_file(wanted)?;
    }
    remove_dir(wanted)?;
    remove_file(&beside(wanted, "password"))
}

/// Deletes a file that may be missing.
pub(super) fn remove_file(file: &Path) -> Result<()> {
    ignore_missing(fs::remove_file(file)).doing(|| format!("delete {}", file.display()))
}

/// Deletes a directory that may be missing.
pub(super) fn remove_dir(dir: &Path) -> Result<()> {
    ignore_missing(fs::remove_dir_all(dir)).doing(|| format!("delete {}", dir.display()))
}

fn ignore_missing(outcome: io::Result<()>) -> io::Result<()> {
    outcome.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

/// The target of a link that somebody made to another disk, say: nothing that we relocated.
fn link_of_the_user(wanted: &Path) -> Result<Option<PathBuf>> {
    if !wanted.is_symlink() || elsewhere_already(wanted).is_some() {
        return Ok(None);
    }
    wanted.canonicalize().map(Some).doing(|| format!("follow the link {}", wanted.display()))
}

/// The target of a link that an earlier relocation made.
fn elsewhere_already(wanted: &Path) -> Option<PathBuf> {
    fs::read_link(wanted).ok().filter(|target| target.starts_with(ELSEWHERE))
}

/// Puts the data below [`ELSEWHERE`] and a link to it at the wanted place.
fn relocate(wanted: &Path, user: &User) -> Result<Place> {
    if wanted.exists() && fs::remove_dir(wanted).is_err() {
        let reason = format!("the user {} cannot reach it, and it is not empty. Move it away", user.name);
        return Err(Error::Unusable { dir: wanted.to_owned(), reason });
    }
    let mut hasher = DefaultHasher::new();
    wanted.hash(&mut hasher);
    let home = Path::new(ELSEWHERE).join(format!("{:016x}", hasher.finish()));
    let dir = home.join("postgres");
    symlink(&dir, wanted).doing(|| format!("link {} to {}", wanted.display(), dir.display()))?;
    Ok(Place { user: user_for(&dir)?, dir, relocated: true })
}

/// Who runs the server on this data: `None` when we do.
fn user_for(dir: &Path) -> Result<Option<User>> {
    let user = User::for_data(dir)?;
    let ours = rustix::process::geteuid().as_raw();
    let foreign = fs::metadata(dir).is_ok_and(|data| data.uid() != ours);
    if user.is_none() && foreign {
        // Postgres insists on it too, with a less helpful message.
        let reason = "it belongs to another user, who ran this before. Run as that user or as root, \
                      or remove the data: make clean-data";
        return Err(Error::Unusable { dir: dir.to_owned(), reason: reason.into() });
    }
    Ok(user)
}

//! Making a new database cluster and its password.

use std::{
    ffi::OsString,
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use rand::distr::{Alphanumeric, SampleString};
use rustix::process::Signal;

use super::{
    PostgresOptions, USER, beside,
    binaries::Binaries,
    placement::{self, Place},
};
use crate::{
    error::{Doing, Error, Result},
    process::{Environment, Launch, Process},
    unprivileged::User,
};

/// 32 characters of 62 are 190 bits.
const PASSWORD_CHARS: usize = 32;

/// What is needed to make a cluster.
pub(super) struct Cluster<'a> {
    pub(super) binaries: &'a Binaries,
    pub(super) place: &'a Place,
    pub(super) options: &'a PostgresOptions,
}

/// The major version that made the data; `None` when there is none yet.
pub(super) fn major_version(dir: &Path) -> Result<Option<u32>> {
    let file = dir.join("PG_VERSION");
    let text = match fs::read_to_string(&file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        outcome => outcome.doing(|| format!("read {}", file.display()))?,
    };
    let version = text.trim().parse().map_err(|_| Error::Unusable {
        dir: dir.to_owned(),
        reason: format!("PG_VERSION holds {:?}", text.trim()),
    })?;
    Ok(Some(version))
}

/// Makes the cluster unless it exists; returns the password.
pub(super) async fn ready(cluster: &Cluster<'_>) -> Result<String> {
    let password_file = beside(&cluster.place.dir, "password");
    if major_version(&cluster.place.dir)?.is_none() {
        create(cluster, &password_file).await?;
    }
    fs::read_to_string(&password_file)
        .map(|text| text.trim().to_owned())
        .doing(|| format!("read the database password in {}", password_file.display()))
}

/// `initdb` works in a directory beside the final one, so that an interrupted one never looks finished.
async fn create(cluster: &Cluster<'_>, password_file: &Path) -> Result<()> {
    let dir = &cluster.place.dir;
    refuse_foreign_files(dir)?;
    let unfinished = beside(dir, "unfinished");
    placement::remove_dir(&unfinished)?;
    let user = cluster.place.user.as_ref();
    placement::create_dir(&unfinished, user)?;
    write_password(password_file, &new_password(), user)?;
    initdb(cluster, &unfinished, password_file).await?;
    fs::rename(&unfinished, dir).doing(|| format!("rename {} to {}", unfinished.display(), dir.display()))
}

/// Renaming onto an empty directory is fine; anything else in it is not ours.
fn refuse_foreign_files(dir: &Path) -> Result<()> {
    let foreign = fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some());
    if foreign {
        let reason = "it holds files but no Postgres data. Choose another directory or empty it".into();
        return Err(Error::Unusable { dir: dir.to_owned(), reason });
    }
    Ok(())
}

/// A password of letters and digits.
pub(crate) fn new_password() -> String {
    Alphanumeric.sample_string(&mut rand::rng(), PASSWORD_CHARS)
}

/// Keeps the password where only whoever runs the server reads it.
pub(super) fn write_password(path: &Path, password: &str, user: Option<&User>) -> Result<()> {
    let doing = || format!("write {}", path.display());
    placement::remove_file(path)?;
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(path).doing(doing)?;
    writeln!(file, "{password}").and_then(|()| file.sync_all()).doing(doing)?;
    user.map_or(Ok(()), |user| user.own(path))
}

async fn initdb(cluster: &Cluster<'_>, dir: &Path, password_file: &Path) -> Result<()> {
    // -k: checksums on every page, so that a rotten disk is noticed.
    let mut args: Vec<OsString> =
        ["-k", "-E", "UTF8", "--locale=C.UTF-8", "--auth=scram-sha-256", "-U", USER].map(Into::into).into();
    if cluster.options.throwaway {
        args.push("--no-sync".into());
    }
    args.extend(["--pwfile".into(), password_file.into(), "-D".into(), dir.into()]);
    let process = Process::launch(Launch {
        name: "initdb".into(),
        program: cluster.binaries.initdb(),
        args,
        env: Environment::Bare,
        user: cluster.place.user.clone(),
        stop_signal: Signal::TERM,
        death_signal: Signal::KILL,
        log_file: cluster.options.log_file.clone(),
    })?;
    process.succeeded().await
}

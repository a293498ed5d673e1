//! Making a hot standby: a copy of a running server that takes whatever is written there, and answers queries.

use std::ffi::OsString;

use rustix::process::Signal;

use super::{PostgresOptions, USER, beside, binaries::Binaries, cluster::write_password, placement};
use crate::{
    error::Result,
    process::{Environment, Launch, Process},
};

/// Copies the server at `port`; the standby lets in whoever that one lets in.
pub(super) async fn create(
    binaries: &Binaries,
    (port, password): (u16, &str),
    options: &PostgresOptions,
) -> Result<()> {
    let place = placement::find(&options.data_dir)?;
    placement::create_dir(&place.dir, place.user.as_ref())?;
    write_password(&beside(&place.dir, "password"), password, place.user.as_ref())?;
    let port = port.to_string();
    let args = [
        "--write-recovery-conf",
        "--checkpoint=fast",
        "--no-sync",
        "-h",
        "127.0.0.1",
        "-p",
        &port,
        "-U",
        USER,
    ];
    let mut args: Vec<OsString> = args.map(Into::into).into();
    args.extend(["-D".into(), place.dir.into_os_string()]);
    let process = Process::launch(Launch {
        name: "pg_basebackup".into(),
        program: binaries.pg_basebackup(),
        args,
        env: Environment::InheritedAnd(vec![("PGPASSWORD".into(), password.into())]),
        user: place.user,
        stop_signal: Signal::TERM,
        death_signal: Signal::KILL,
        log_file: options.log_file.clone(),
    })?;
    process.succeeded().await
}

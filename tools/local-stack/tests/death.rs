//! Nothing outlives the process that started it, and what a killed one left is taken over.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::{fs::MetadataExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use local_stack::{NatsOptions, NatsServer, PostgresOptions, PostgresServer, ports};
use support::{Scratch, nobody_listens};

/// Tells a copy of this test program to hold servers below this directory.
const HOLD: &str = "HOLD_SERVERS_BELOW";

fn options(dir: &Path) -> PostgresOptions {
    PostgresOptions::new(dir.join("postgres"), dir.join("postgres.log"))
}

/// Not a test of its own: the process that the tests below kill.
#[tokio::test]
async fn holder() {
    let Some(dir) = std::env::var_os(HOLD).map(PathBuf::from) else { return };
    let postgres = PostgresServer::start(&options(&dir)).await.unwrap();
    let nats = NatsServer::start(&NatsOptions::new(dir.join("nats"), dir.join("nats.log"))).await.unwrap();
    eprintln!("{} {}", postgres.port(), nats.port());
    std::future::pending::<()>().await;
}

/// Starts the holder and waits until it has told its two ports.
fn start_holder(dir: &Path) -> (Child, Vec<u16>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "holder", "--nocapture"])
        .env(HOLD, dir)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
    (child, line.split_whitespace().map(|port| port.parse().unwrap()).collect())
}

#[tokio::test]
async fn children_die_when_the_parent_is_killed_and_their_data_is_taken_over() {
    let scratch = Scratch::new();
    let dir = scratch.path("");
    let (mut parent, open) = start_holder(&dir);
    assert_eq!(open.len(), 2);
    assert!(open.iter().all(|port| ports::is_listening(ports::loopback(*port))));
    parent.kill().unwrap();
    parent.wait().unwrap();
    let next = PostgresServer::start(&options(&dir)).await.unwrap();
    for port in open {
        nobody_listens(ports::loopback(port)).await;
    }
    next.stop().await.unwrap();
}

#[tokio::test]
async fn a_postmaster_left_on_our_data_is_ended_and_no_other() {
    let scratch = Scratch::new();
    let (ours, other) = (scratch.path("ours"), scratch.path("other"));
    let bystander = PostgresServer::start(&options(&other)).await.unwrap();
    let server = PostgresServer::start(&options(&ours)).await.unwrap();
    let program = fs::read_link(format!("/proc/{}/exe", server.pid())).unwrap();
    server.stop().await.unwrap();
    drop(server);

    let mut left_behind = leave_postmaster(&program, &ours.join("postgres"));
    let server = PostgresServer::start(&options(&ours)).await.unwrap();
    left_behind.wait().unwrap();
    assert!(server.is_running() && bystander.is_running());
    for server in [server, bystander] {
        server.stop().await.unwrap();
    }
}

/// Starts a postmaster that no handle owns, and waits until it has written its pid.
fn leave_postmaster(program: &Path, data_dir: &Path) -> Child {
    let owner = fs::metadata(data_dir).unwrap();
    let port = ports::free().unwrap().to_string();
    let mut command = Command::new(program);
    command.arg("-D").arg(data_dir).args(["-p", &port, "-c", "unix_socket_directories="]);
    if support::we_are_root() {
        command.uid(owner.uid()).gid(owner.gid());
    }
    let child = command.current_dir("/").stderr(Stdio::null()).spawn().unwrap();
    while !data_dir.join("postmaster.pid").exists() {
        std::thread::yield_now();
    }
    child
}

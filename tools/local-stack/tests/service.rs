//! Any program as a service of the stack.

mod support;

use std::{path::PathBuf, time::Duration};

use local_stack::{Error, Service, ServiceSpec};
use support::{Scratch, Swallow};

/// Enough for a program that was just started, however busy the machine.
const PATIENCE: Duration = Duration::from_secs(90);

fn sh(scratch: &Scratch, script: &str) -> ServiceSpec {
    ServiceSpec {
        name: "a script".into(),
        program: "/bin/sh".into(),
        args: ["-c", script].map(Into::into).into(),
        env: vec![("GREETING".into(), "hello".into())],
        log_file: scratch.path("logs/script.log"),
    }
}

#[tokio::test]
async fn a_service_runs_with_its_arguments_environment_and_log_until_it_is_stopped() {
    let scratch = Scratch::new();
    let spec = sh(&scratch, "trap 'echo bye; exit 0' TERM; echo $GREETING; while :; do sleep 0.01; done");
    let service = Service::start(&spec).unwrap();
    let log = || std::fs::read_to_string(&spec.log_file).unwrap();
    service.ready_within(PATIENCE, || async { log() == "hello\n" }).await.unwrap();
    assert!(service.is_running() && service.pid() > 0);
    service.stop().await.unwrap();
    assert_eq!(log(), "hello\nbye\n");
    assert!(!service.is_running());
    service.stop().await.unwrap();
}

#[tokio::test]
async fn a_killed_service_is_gone_at_once() {
    let scratch = Scratch::new();
    let service = Service::start(&sh(&scratch, "trap '' TERM; while :; do sleep 1; done")).unwrap();
    service.kill().await.unwrap();
    assert!(!service.is_running() && !PathBuf::from(format!("/proc/{}", service.pid())).exists());
}

#[tokio::test]
async fn a_service_that_ends_early_shows_its_last_words() {
    let scratch = Scratch::new();
    let service = Service::start(&sh(&scratch, "echo no database >&2; exit 3")).unwrap();
    let error = service.ready_within(PATIENCE, || async { false }).await.swallow();
    assert!(error.contains("exit status: 3") && error.ends_with("no database"), "{error}");
    assert_eq!(service.ended().await.unwrap().code(), Some(3));
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let scratch = Scratch::new();
    let spec = ServiceSpec { program: scratch.path("absent"), ..sh(&scratch, "") };
    assert!(matches!(Service::start(&spec), Err(Error::Missing { .. })));
}

//! What people do with a ticket.

use schemas::{
    TicketEvent,
    event::{ResolutionConfirmed, TicketAssigned, TicketClosed},
};
use ticket::{Command, Rejection};

use crate::{
    given::given,
    samples::{assigned, closed, comment, reopened, reopening, resolution, resolved, submission, submitted},
};

fn assign(assignee: &str) -> Command {
    Command::Assign(TicketAssigned { assignee: assignee.into() })
}

fn confirmation(score: u8) -> ResolutionConfirmed {
    ResolutionConfirmed { score, signature: None }
}

fn confirmed(score: u8) -> TicketEvent {
    TicketEvent::ResolutionConfirmed(confirmation(score))
}

#[test]
fn work_begins_with_the_submission() {
    for command in [
        Command::Comment(comment()),
        assign("agent-7"),
        Command::Resolve(resolution()),
        Command::Reopen(reopening()),
        Command::Close,
        Command::ConfirmResolution(confirmation(5)),
    ] {
        given(&[]).when(command).then_refused(&Rejection::NotSubmitted);
    }
    given(&[submitted(), resolved()])
        .when(Command::Submit(submission()))
        .then_refused(&Rejection::AlreadySubmitted);
}

#[test]
fn a_comment_is_added_to_an_open_or_a_resolved_ticket() {
    let commented = TicketEvent::Commented(comment());
    given(&[submitted()]).when(Command::Comment(comment())).then(&commented);
    given(&[submitted(), resolved()]).when(Command::Comment(comment())).then(&commented);
}

#[test]
fn saying_the_same_twice_says_it_twice() {
    let commented = TicketEvent::Commented(comment());
    given(&[submitted(), commented.clone()]).when(Command::Comment(comment())).then(&commented);
}

#[test]
fn a_closed_ticket_refuses_comments_assignees_and_resolutions() {
    for command in [Command::Comment(comment()), assign("agent-7"), Command::Resolve(resolution())] {
        given(&[submitted(), closed()]).when(command.clone()).then_refused(&Rejection::Closed);
        given(&[submitted(), resolved(), closed()]).when(command).then_refused(&Rejection::Closed);
    }
}

#[test]
fn a_ticket_can_go_from_one_assignee_to_another() {
    given(&[submitted()]).when(assign("agent-7")).then(&assigned("agent-7"));
    given(&[submitted(), assigned("agent-7")]).when(assign("network")).then(&assigned("network"));
    given(&[submitted(), assigned("a"), assigned("b")]).when(assign("a")).then(&assigned("a"));
}

#[test]
fn assigning_a_ticket_to_who_has_it_is_no_news() {
    given(&[submitted(), assigned("agent-7")]).when(assign("agent-7")).then_nothing_happens();
    given(&[submitted(), assigned("agent-7"), closed()]).when(assign("agent-7")).then_nothing_happens();
}

#[test]
fn an_open_ticket_is_resolved_once() {
    given(&[submitted()]).when(Command::Resolve(resolution())).then(&resolved());
    given(&[submitted(), resolved()]).when(Command::Resolve(resolution())).then_nothing_happens();
}

#[test]
fn a_reopened_ticket_is_resolved_again() {
    given(&[submitted(), resolved(), reopened()]).when(Command::Resolve(resolution())).then(&resolved());
}

#[test]
fn what_was_resolved_or_closed_can_be_reopened_and_nothing_else() {
    given(&[submitted(), resolved()]).when(Command::Reopen(reopening())).then(&reopened());
    given(&[submitted(), closed()]).when(Command::Reopen(reopening())).then(&reopened());
    given(&[submitted()]).when(Command::Reopen(reopening())).then_refused(&Rejection::AlreadyOpen);
    given(&[submitted(), resolved(), reopened()])
        .when(Command::Reopen(reopening()))
        .then_refused(&Rejection::AlreadyOpen);
}

#[test]
fn a_reopened_ticket_takes_comments_again_and_keeps_its_assignee() {
    let past = [submitted(), assigned("agent-7"), closed(), reopened()];
    given(&past).when(Command::Comment(comment())).then(&TicketEvent::Commented(comment()));
    given(&past).when(assign("agent-7")).then_nothing_happens();
}

#[test]
fn a_ticket_is_closed_once_resolved_or_not() {
    let closing = TicketEvent::Closed(TicketClosed {});
    given(&[submitted()]).when(Command::Close).then(&closing);
    given(&[submitted(), resolved()]).when(Command::Close).then(&closing);
    given(&[submitted(), closed()]).when(Command::Close).then_nothing_happens();
    given(&[submitted(), closed(), reopened()]).when(Command::Close).then(&closing);
}

#[test]
fn a_resolution_is_confirmed_even_after_the_ticket_was_closed() {
    given(&[submitted(), resolved()]).when(Command::ConfirmResolution(confirmation(4))).then(&confirmed(4));
    given(&[submitted(), resolved(), closed()])
        .when(Command::ConfirmResolution(confirmation(4)))
        .then(&confirmed(4));
}

#[test]
fn what_is_not_resolved_cannot_be_confirmed() {
    for past in [
        vec![submitted()],
        vec![submitted(), closed()],
        vec![submitted(), resolved(), reopened()],
        vec![submitted(), resolved(), confirmed(2), reopened(), closed()],
    ] {
        given(&past).when(Command::ConfirmResolution(confirmation(5))).then_refused(&Rejection::NotResolved);
    }
}

#[test]
fn each_resolution_is_confirmed_once() {
    given(&[submitted(), resolved(), confirmed(4)])
        .when(Command::ConfirmResolution(confirmation(4)))
        .then_nothing_happens();
    given(&[submitted(), resolved(), confirmed(4), closed()])
        .when(Command::ConfirmResolution(confirmation(1)))
        .then_refused(&Rejection::AlreadyConfirmed(4));
    given(&[submitted(), resolved(), confirmed(4), reopened(), resolved()])
        .when(Command::ConfirmResolution(confirmation(1)))
        .then(&confirmed(1));
}

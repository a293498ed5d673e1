//! The CRM took the ticket, or would not. A ticket has one CRM in the read model; that others were told of it is in its
//! timeline only.

use schemas::{
    Envelope,
    event::{CrmDeliveryParked, CrmRecordCreated, CrmRecordLost},
};

use crate::read_model::{Ticket, crm_status};

/// A receiver of webhooks is told of the ticket, and holds no record of it.
const RECEIVER: &str = "webhook";

pub(super) fn record_created(ticket: &mut Ticket, event: &Envelope, data: &CrmRecordCreated) {
    if data.system == RECEIVER {
        return;
    }
    ticket.crm_system = Some(data.system.clone());
    ticket.crm_record_id = Some(data.record_id.clone());
    crm_status::DELIVERED.clone_into(&mut ticket.crm_status);
    ticket.crm_delivered_at = Some(event.time);
}

pub(super) fn parked(ticket: &mut Ticket, data: &CrmDeliveryParked) {
    if data.system == RECEIVER {
        return;
    }
    ticket.crm_system = Some(data.system.clone());
    crm_status::PARKED.clone_into(&mut ticket.crm_status);
}

/// It is delivered anew.
pub(super) fn record_lost(ticket: &mut Ticket, data: &CrmRecordLost) {
    if ticket.crm_record_id.as_ref() == Some(&data.record_id) {
        ticket.crm_record_id = None;
        ticket.crm_delivered_at = None;
        crm_status::PENDING.clone_into(&mut ticket.crm_status);
    }
}

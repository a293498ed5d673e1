//! The CRM took the ticket, or would not.

use schemas::{
    Envelope,
    event::{CrmDeliveryParked, CrmRecordCreated},
};

use crate::read_model::{Ticket, crm_status};

pub(super) fn record_created(ticket: &mut Ticket, event: &Envelope, data: &CrmRecordCreated) {
    ticket.crm_system = Some(data.system.clone());
    ticket.crm_record_id = Some(data.record_id.clone());
    crm_status::DELIVERED.clone_into(&mut ticket.crm_status);
    ticket.crm_delivered_at = Some(event.time);
}

pub(super) fn parked(ticket: &mut Ticket, data: &CrmDeliveryParked) {
    ticket.crm_system = Some(data.system.clone());
    crm_status::PARKED.clone_into(&mut ticket.crm_status);
}

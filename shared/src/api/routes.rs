//! The table of routes: who may call what, what it takes and what it gives. The OpenAPI document
//! is drawn from it.

use super::call::{Answered, Call, LONGEST_ID};
use super::caller::Permission::{self, Approve, Charge, Configure, Refund, View};
use super::problem::{Kind, Problem};
use super::{
    appointments, audit, charges, clinics, deliveries, disputes, events, found, integrations,
    invoices, keys, openapi, patients, payments, read, refunds, settings, tasks,
};
use crate::domain::settings::Settings;
use crate::flows::App;
use crate::io::lambda::HttpResponse;
use serde::de::DeserializeOwned;
use std::pin::Pin;

pub type Answering<'a> = Pin<Box<dyn Future<Output = Answered> + 'a>>;

pub struct Route {
    pub method: &'static str,
    pub path: &'static str,
    pub about: &'static str,
    pub serves: Serves,
    pub query: &'static [&'static str],
    pub takes: Option<Takes>,
    /// Whether it needs an Idempotency-Key.
    pub once: bool,
    /// The status and the schema of a good answer.
    pub gives: (u16, &'static str),
    /// Another good answer.
    pub also: Option<(u16, &'static str)>,
}

/// Who may call, and what is done.
pub enum Serves {
    Anyone(fn() -> HttpResponse),
    /// The holder of the deployment's root key.
    Root(for<'a> fn(&'a App, &'a [u8]) -> Answering<'a>),
    Clinic(Permission, for<'a> fn(&'a Call<'a>) -> Answering<'a>),
}

/// A body: its schema, and the code that reads it.
pub struct Takes {
    pub schema: &'static str,
    pub reads: fn(&[u8]) -> Result<(), Problem>,
}

const PAGING: &[&str] = &["before", "limit"];

type Handler = for<'a> fn(&'a Call<'a>) -> Answering<'a>;

const fn get(
    path: &'static str,
    needs: Permission,
    handler: Handler,
    schema: &'static str,
    about: &'static str,
) -> Route {
    route(
        "GET",
        path,
        Serves::Clinic(needs, handler),
        (200, schema),
        about,
    )
}

const fn post(
    path: &'static str,
    needs: Permission,
    handler: Handler,
    gives: (u16, &'static str),
    about: &'static str,
) -> Route {
    route("POST", path, Serves::Clinic(needs, handler), gives, about)
}

const fn put(
    path: &'static str,
    needs: Permission,
    handler: Handler,
    schema: &'static str,
    about: &'static str,
) -> Route {
    route(
        "PUT",
        path,
        Serves::Clinic(needs, handler),
        (200, schema),
        about,
    )
}

const fn route(
    method: &'static str,
    path: &'static str,
    serves: Serves,
    gives: (u16, &'static str),
    about: &'static str,
) -> Route {
    Route {
        method,
        path,
        about,
        serves,
        query: &[],
        takes: None,
        once: false,
        gives,
        also: None,
    }
}

impl Route {
    const fn query(mut self, names: &'static [&'static str]) -> Self {
        self.query = names;
        self
    }

    const fn takes<T: DeserializeOwned>(mut self, schema: &'static str) -> Self {
        self.takes = Some(Takes {
            schema,
            reads: reads::<T>,
        });
        self
    }

    const fn also(mut self, status: u16, schema: &'static str) -> Self {
        self.also = Some((status, schema));
        self
    }

    const fn once(mut self) -> Self {
        self.once = true;
        self
    }
}

fn reads<T: DeserializeOwned>(bytes: &[u8]) -> Result<(), Problem> {
    read::body::<T>(bytes).map(drop)
}

pub static ROUTES: &[Route] = &[
    route(
        "GET",
        "/v1/openapi.json",
        Serves::Anyone(openapi::get),
        (200, "Document"),
        "This document.",
    ),
    route(
        "POST",
        "/v1/clinics",
        Serves::Root(|app, body| Box::pin(clinics::create(app, body))),
        (201, "NewClinic"),
        "Makes a clinic. The answer holds its first key, which is shown only here.",
    )
    .takes::<Settings>("Settings"),
    get(
        "/v1/settings",
        View,
        |call| Box::pin(settings::get(call)),
        "Settings",
        "What the clinic is, its policy, and the systems that are told.",
    ),
    put(
        "/v1/settings",
        Configure,
        |call| Box::pin(settings::put(call)),
        "Settings",
        "Writes all settings. Functions may remember the former ones for a minute.",
    )
    .takes::<Settings>("Settings"),
    get(
        "/v1/keys",
        Configure,
        |call| Box::pin(keys::list(call)),
        "Keys",
        "The clinic's keys.",
    )
    .query(PAGING),
    post(
        "/v1/keys",
        Configure,
        |call| Box::pin(keys::create(call)),
        (201, "NewKey"),
        "Makes a key. It is shown only here.",
    )
    .takes::<keys::NewKey>("KeyRequest"),
    route(
        "DELETE",
        "/v1/keys/{id}",
        Serves::Clinic(Configure, |call| Box::pin(keys::delete(call))),
        (200, "DeletedKey"),
        "Deletes a key, at once.",
    ),
    post(
        "/v1/patients",
        Charge,
        |call| Box::pin(patients::put(call)),
        (201, "Patient"),
        "Makes a patient, or writes all of one whose reference is known (200).",
    )
    .takes::<patients::NewPatient>("PatientRequest")
    .also(200, "Patient"),
    get(
        "/v1/patients/{id}",
        View,
        |call| Box::pin(patients::get(call)),
        "Patient",
        "A patient.",
    ),
    route(
        "DELETE",
        "/v1/patients/{id}/opt-out",
        Serves::Clinic(Charge, |call| Box::pin(patients::opt_in(call))),
        (200, "Patient"),
        "The patient wants texts again: lifts that the number opted out. One that answered STOP \
         must answer START too, or its provider goes on refusing.",
    ),
    get(
        "/v1/patients/{id}/payment-methods",
        View,
        |call| Box::pin(patients::methods(call)),
        "PaymentMethods",
        "The methods that gateways keep for a patient and that may be charged: the default one \
         first, then the newest.",
    ),
    post(
        "/v1/patients/{id}/payment-methods",
        Charge,
        |call| Box::pin(patients::keep(call)),
        (201, "PaymentMethod"),
        "Adds a method that its gateway already keeps.",
    )
    .takes::<patients::NewMethod>("PaymentMethodRequest"),
    route(
        "DELETE",
        "/v1/patients/{id}/payment-methods/{method}",
        Serves::Clinic(Charge, |call| Box::pin(patients::remove(call))),
        (200, "DeletedMethod"),
        "Removes a method: it is not charged any more. Its gateway may keep it.",
    ),
    post(
        "/v1/patients/{id}/payment-methods/{method}/default",
        Charge,
        |call| Box::pin(patients::choose(call)),
        (200, "PaymentMethod"),
        "Makes this the method that is charged by itself, while it can be. Where none is chosen, \
         or the chosen one ended, it is the newest that the patient agreed to for later charges.",
    )
    .takes::<read::Nothing>("Nothing"),
    post(
        "/v1/appointments",
        Charge,
        |call| Box::pin(appointments::put(call)),
        (201, "Appointment"),
        "Books an appointment, or writes all of one that is still booked (200).",
    )
    .takes::<appointments::NewAppointment>("AppointmentRequest")
    .also(200, "Appointment"),
    get(
        "/v1/appointments/{id}",
        View,
        |call| Box::pin(appointments::get(call)),
        "Appointment",
        "An appointment, by the clinic's own id.",
    ),
    post(
        "/v1/appointments/{id}/complete",
        Charge,
        |call| Box::pin(appointments::complete(call)),
        (202, "CompletedAppointment"),
        "The session took place: it is invoiced and collected by policy, once.",
    )
    .takes::<read::Nothing>("Nothing")
    .once(),
    get(
        "/v1/invoices",
        View,
        |call| Box::pin(invoices::list(call)),
        "Invoices",
        "Invoices, newest first; with `status` those that stand so. A page of these may hold fewer \
         than `limit`: go on while there is a `next`.",
    )
    .query(&["status", "before", "limit"]),
    post(
        "/v1/invoices",
        Charge,
        |call| Box::pin(invoices::create(call)),
        (201, "Invoice"),
        "Makes an invoice and starts to collect it, by policy or as `collect` says.",
    )
    .takes::<invoices::NewInvoice>("InvoiceRequest")
    .once(),
    get(
        "/v1/invoices/{id}",
        View,
        |call| Box::pin(invoices::get(call)),
        "Invoice",
        "An invoice with its payments, refunds, disputes and receipts.",
    ),
    post(
        "/v1/invoices/{id}/void",
        Approve,
        |call| Box::pin(invoices::void(call)),
        (200, "Invoice"),
        "Voids an invoice on which no money is, and none is under way: nothing is due on it any \
         more, and its books go to zero. Where a system has filed it, a task says so.",
    )
    .takes::<read::Nothing>("Nothing"),
    post(
        "/v1/invoices/{id}/charges",
        Charge,
        |call| Box::pin(charges::of_invoice(call)),
        (202, "Payment"),
        "Collects all that is due on an invoice, or a part. A `gateway` whose methods the patient \
         has none of is refused where a saved method is to be charged.",
    )
    .takes::<charges::ChargeOf>("ChargeRequest")
    .once(),
    post(
        "/v1/charges",
        Charge,
        |call| Box::pin(charges::walk_in(call)),
        (202, "Payment"),
        "Charges a walk-in: an invoice and its payment in one.",
    )
    .takes::<charges::WalkIn>("WalkInRequest")
    .once(),
    get(
        "/v1/payments/{id}",
        View,
        |call| Box::pin(payments::get(call)),
        "Payment",
        "One attempt to collect money.",
    ),
    get(
        "/v1/payments/{id}/story",
        View,
        |call| Box::pin(payments::story(call)),
        "Story",
        "What happened to this payment, in order and in words, with reasons, and what is planned.",
    ),
    post(
        "/v1/payments/{id}/close",
        Approve,
        |call| Box::pin(payments::close(call)),
        (200, "Payment"),
        "Ends an open payment that nobody shall pay any more, its page at the gateway first: what \
         it asked for can be charged again. One whose money is on its way, or of which nobody \
         knows, is refused with what to do. Money that comes all the same still counts.",
    )
    .takes::<read::Nothing>("Nothing"),
    post(
        "/v1/payments/{id}/resolve",
        Approve,
        |call| Box::pin(found::payment(call)),
        (200, "Payment"),
        "Records what a person found at the gateway of a payment whose outcome it does not tell. \
         That it was not paid, a second person with a key of another must have found too: until \
         then it stays as it is.",
    )
    .takes::<found::OfPayment>("PaymentFound"),
    post(
        "/v1/payments/{id}/disputes/{dispute}/resolve",
        Approve,
        |call| Box::pin(disputes::resolve(call)),
        (200, "Dispute"),
        "A person found how a dispute ended of which its gateway says no more. A lost one is due \
         again. What the gateway says later still counts.",
    )
    .takes::<disputes::Finding>("DisputeFinding"),
    get(
        "/v1/refunds",
        View,
        |call| Box::pin(refunds::list(call)),
        "Refunds",
        "Refunds that were asked for here, newest first.",
    )
    .query(PAGING),
    post(
        "/v1/refunds",
        Refund,
        |call| Box::pin(refunds::create(call)),
        (202, "Refund"),
        "Refunds an invoice, whole or in part. With `preview=true` nothing is written, no \
         Idempotency-Key is needed, and the answer (200) is how it would be taken.",
    )
    .query(&["preview"])
    .takes::<refunds::NewRefundOf>("RefundRequest")
    .also(200, "RefundPreview")
    .once(),
    get(
        "/v1/refunds/{id}",
        View,
        |call| Box::pin(refunds::get(call)),
        "Refund",
        "A refund and what became of its parts.",
    ),
    post(
        "/v1/refunds/{id}/approve",
        Approve,
        |call| Box::pin(refunds::approve(call)),
        (200, "Refund"),
        "Lets a refund go that waits for an approval.",
    )
    .takes::<read::Nothing>("Nothing"),
    post(
        "/v1/refunds/{id}/resolve",
        Approve,
        |call| Box::pin(found::refund(call)),
        (200, "Refund"),
        "Records what a person found at the gateway of a refund whose outcome it does not tell. \
         That it was not given out, a second person with a key of another must have found too: \
         until then its amount stays reserved.",
    )
    .takes::<found::OfRefund>("RefundFound"),
    post(
        "/v1/refunds/{id}/reject",
        Approve,
        |call| Box::pin(refunds::reject(call)),
        (200, "Refund"),
        "Gives up a refund that waits for an approval: what it kept is refundable again.",
    )
    .takes::<read::Nothing>("Nothing"),
    get(
        "/v1/events",
        View,
        |call| Box::pin(events::list(call)),
        "Events",
        "What came from outside, newest first. A page may hold fewer than `limit`: go on while \
         there is a `next`.",
    )
    .query(&[
        "source",
        "vendor_event_id",
        "gateway_ref",
        "state",
        "since",
        "before",
        "limit",
    ]),
    post(
        "/v1/events/{id}/replay",
        Configure,
        |call| Box::pin(events::replay(call)),
        (202, "Replayed"),
        "Sends a quarantined event through once more, as proven as it was.",
    )
    .takes::<read::Nothing>("Nothing"),
    get(
        "/v1/deliveries",
        View,
        |call| Box::pin(deliveries::list(call)),
        "Deliveries",
        "What was told to systems and patients, newest first, or all of a case.",
    )
    .query(&["case", "before", "limit"]),
    post(
        "/v1/deliveries/{case}/{id}/repeat",
        Charge,
        |call| Box::pin(deliveries::repeat(call)),
        (202, "Delivery"),
        "Sends what failed, was skipped, or is unknown once more.",
    )
    .takes::<read::Nothing>("Nothing"),
    get(
        "/v1/tasks",
        View,
        |call| Box::pin(tasks::list(call)),
        "Tasks",
        "What waits for a person, newest first.",
    )
    .query(PAGING),
    post(
        "/v1/tasks/{case}/{id}/done",
        Charge,
        |call| Box::pin(tasks::done(call)),
        (200, "Task"),
        "A person has worked it off.",
    )
    .takes::<read::Nothing>("Nothing"),
    get(
        "/v1/integrations",
        View,
        |call| Box::pin(integrations::list(call)),
        "Integrations",
        "Vendors that can be connected, and what is configured; never a value.",
    ),
    get(
        "/v1/integrations/{vendor}",
        View,
        |call| Box::pin(integrations::get(call)),
        "Integration",
        "One vendor: the fields that it needs, and which are configured.",
    ),
    put(
        "/v1/integrations/{vendor}",
        Configure,
        |call| Box::pin(integrations::put(call)),
        "Integration",
        "Writes a vendor's secrets, each group as a whole. They may take five minutes to be used \
         everywhere.",
    )
    .takes::<integrations::Connection>("ConnectionRequest"),
    route(
        "DELETE",
        "/v1/integrations/{vendor}/inbound/former",
        Serves::Clinic(Configure, |call| Box::pin(integrations::drop_former(call))),
        (200, "Integration"),
        "Drops the webhook secret before the last change, which proves for 48 hours otherwise. \
         Functions may remember it for five minutes.",
    ),
    get(
        "/v1/audit",
        View,
        |call| Box::pin(audit::list(call)),
        "Entries",
        "The journal of a case, or of a day (UTC), newest first.",
    )
    .query(&["case", "day", "before", "limit"]),
    get(
        "/v1/audit/verify",
        View,
        |call| Box::pin(audit::verify(call)),
        "Verified",
        "Replays a case's journal and holds the case against it.",
    )
    .query(&["case"]),
];

/// The route of a request, and the parameters of its path in order.
pub fn find(method: &str, path: &str) -> Result<(&'static Route, Vec<String>), Problem> {
    // What is longer than any id names nothing.
    let too_long = path.split('/').any(|part| part.len() > LONGEST_ID);
    let at_path = ROUTES
        .iter()
        .filter(|_| !too_long)
        .filter_map(|route| Some((route, matched(route.path, path)?)));
    let (mut allowed, mut known) = (vec![], false);
    for (route, parameters) in at_path {
        known = true;
        if route.method == method {
            return Ok((route, parameters));
        }
        allowed.push(route.method);
    }
    if known {
        let methods = allowed.join(", ");
        let why = format!("this takes {methods}");
        return Err(Problem::new(Kind::MethodNotAllowed, why).allowing(methods));
    }
    let path: String = path.chars().take(100).collect();
    let why = format!("{path} is no address of the API: see /v1/openapi.json");
    Err(Problem::new(Kind::NotFound, why))
}

fn matched(pattern: &str, path: &str) -> Option<Vec<String>> {
    let (mut wanted, mut given) = (pattern.split('/'), path.split('/'));
    let mut parameters = vec![];
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(parameters),
            (Some(name), Some(value)) if name.starts_with('{') && !value.is_empty() => {
                parameters.push(value.to_owned());
            }
            (Some(name), Some(value)) if name == value => {}
            _ => return None,
        }
    }
}

//! Collecting money: what an invoice has due, or a walk-in, which is an invoice and its charge in
//! one. Which method is charged, and whose page is opened, is decided here.

use super::commit::{self, Change};
use super::denied::{Denied, Granted, cause, granted};
use super::invoicing::{self, Wanted};
use super::named::{self, Named};
use super::{App, appointments, invoices, patients, receipts, settings as clinics_settings};
use crate::domain::actor::Actor;
use crate::domain::dims::Dims;
use crate::domain::event::{Event, NewCharge, NewDeposit, NewInvoice};
use crate::domain::fact::Method;
use crate::domain::invoice::{Invoice, Line};
use crate::domain::policy::{Collect, Policy};
use crate::domain::settings::Settings;
use crate::domain::visit::{State, Visit};
use crate::records::event::{self, EventRow};
use crate::words::label;
use crate::words::money::{Currency, Money};
use crate::words::text::Plain;

/// Which method is to be charged.
#[derive(Clone)]
pub enum Chosen {
    /// The patient's own.
    Saved,
    /// One that its gateway keeps.
    Kept(KeptMethod),
}

/// A method that its gateway keeps.
#[derive(Clone)]
pub struct KeptMethod {
    pub gateway: String,
    pub token: Plain<200>,
    pub customer: Option<Plain<200>>,
    pub label: Option<Plain<200>>,
}

/// How it is collected: a charge is never for later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    SavedMethod,
    Checkout,
}

/// A charge of an invoice.
pub struct OfInvoice {
    /// All that is due where not given.
    pub amount: Option<Money>,
    pub method: Option<Chosen>,
    /// Whose saved method is charged, or whose page is opened.
    pub gateway: Option<String>,
    /// By policy where not given.
    pub way: Option<Way>,
}

/// A walk-in's invoice and its charge.
pub struct WalkIn {
    pub lines: Vec<Line>,
    /// What each line is for: sealed.
    pub descriptions: Vec<String>,
    pub currency: Currency,
    pub patient: Option<Named>,
    /// `None` opens a page.
    pub method: Option<Chosen>,
    pub gateway: Option<String>,
    /// By which reports cut the books.
    pub dims: Dims,
}

/// Why no method is charged of a patient who was erased.
const GONE: &str = "this patient was erased: nothing of theirs is charged; leave it out, with \
                    `collect` as `checkout`, for a page that somebody pays on";

/// Collects all that is due on an invoice, or a part, once under the request's row.
pub async fn of_invoice(
    app: &App,
    settings: &Settings,
    actor: &Actor,
    invoice: &str,
    new: OfInvoice,
    row: &EventRow,
) -> Result<Granted, Denied> {
    new.check(&settings.policy)?;
    let case = named::invoice(app, &settings.id, invoice).await?;
    let of = Payer {
        app,
        clinic: &settings.id,
        patient: case.patient.as_deref(),
        gateway: new.gateway.as_deref(),
        policy: &settings.policy,
        site: case.dims.site.as_deref(),
    };
    let charge = of.charge(&new).await?;
    let id = case.id.clone();
    let change = Change {
        row: Some(row.clone()),
        ..Change::new(settings, &id, Event::Charge(charge), cause(row, actor))
    };
    granted(commit::commit(app, change, Some(case)).await?)
}

/// Asks for a deposit on an appointment that is still to come, once under the request's row: for all
/// that is open of one, or for what is left of the price. With the session it becomes a part of the
/// invoice.
pub async fn deposit(
    app: &App,
    settings: &Settings,
    actor: &Actor,
    appointment: &str,
    new: OfInvoice,
    row: &EventRow,
) -> Result<Granted, Denied> {
    new.check(&settings.policy)?;
    for attempt in 0..commit::TRIES {
        let read = appointments::find(app, &settings.id, appointment).await?;
        let visit = &read.visit;
        if !matches!(visit.state, State::Held | State::Booked) {
            let known = app.store.get(&row.pk(), event::SK).await?;
            let why = "it is no longer to come: charge its invoice, or restore it first";
            return match known {
                Some(known) => Ok(Granted::Before(Box::new(known))),
                None => Err(Denied::conflict(why)),
            };
        }
        let id = visit.case.clone();
        let of = deposit_of(app, settings, visit, &new).await?;
        let asked = |number: String| {
            let of = NewInvoice {
                number,
                ..of.clone()
            };
            let amount = new.amount;
            Event::DepositAsked(Box::new(NewDeposit { of, amount }))
        };
        // The visit as it was read: one that is called off meanwhile takes no deposit.
        let mut also = vec![read.write(visit)];
        let owner = &visit.patient;
        if let Some((key, _)) = receipts::reader(app, settings, owner).await? {
            let texts = appointments::descriptions(app, &settings.id, visit).await?;
            also.push(receipts::document(&settings.id, &id, &key, &texts));
        }
        let with = (Some(row.clone()), also, cause(row, actor));
        match invoicing::numbered(app, settings, &id, None, asked, with).await {
            Err(why) if why.is::<commit::Busy>() => commit::pause(attempt).await,
            Err(why) => return Err(why.into()),
            Ok(committed) => return granted(committed),
        }
    }
    Err(Denied::conflict(
        "it is being written by other requests: repeat this one",
    ))
}

/// What a deposit is taken for, and how it is collected.
async fn deposit_of(
    app: &App,
    settings: &Settings,
    visit: &Visit,
    new: &OfInvoice,
) -> Result<NewInvoice, Denied> {
    let Some(price) = &visit.price else {
        let why = "the appointment has no price yet: send its lines or its type first";
        return Err(Denied::conflict(why));
    };
    let dims = invoicing::dims(visit);
    let of = Payer {
        app,
        clinic: &settings.id,
        patient: Some(&visit.patient),
        gateway: new.gateway.as_deref(),
        policy: &settings.policy,
        site: dims.site.as_deref(),
    };
    let charge = of.charge(new).await?;
    Ok(NewInvoice {
        id: visit.case.clone(),
        clinic: settings.id.clone(),
        number: String::new(),
        patient: Some(visit.patient.clone()),
        appointment: Some(visit.id.clone()),
        starts_at: Some(visit.starts_at),
        label: price.label.clone(),
        currency: price.currency,
        lines: price.lines.clone(),
        policy: settings.policy.at(dims.site.as_deref()),
        charge: Some(charge),
        dims,
    })
}

/// Charges a walk-in, once under the request's row.
pub async fn walk_in(
    app: &App,
    settings: &Settings,
    actor: &Actor,
    new: WalkIn,
    row: &EventRow,
) -> Result<Granted, Denied> {
    check(
        &settings.policy,
        new.method.as_ref(),
        new.gateway.as_deref(),
    )?;
    let sum = Invoice::new(String::new(), new.currency, new.lines.clone());
    let sum = sum.map_err(|why| Denied::invalid("lines", why))?;
    if sum.total.minor == 0 {
        return Err(Denied::invalid("lines", "a charge comes to more than 0"));
    }
    let patient = match &new.patient {
        Some(patient) => Some(named::person(app, &settings.id, patient).await?.0.id),
        None => None,
    };
    let of = Payer {
        app,
        clinic: &settings.id,
        patient: patient.as_deref(),
        gateway: new.gateway.as_deref(),
        policy: &settings.policy,
        site: new.dims.site.as_deref(),
    };
    let method = match new.method {
        Some(method) => Some(of.chosen(method).await?),
        None => None,
    };
    let wanted = Wanted {
        case: invoicing::case_id(&settings.id, &invoices::caused_by(row)),
        number: None,
        patient,
        appointment: None,
        starts_at: None,
        label: None,
        currency: new.currency,
        lines: new.lines,
        descriptions: new.descriptions,
        collect: Some(match method.is_some() {
            true => Collect::SavedMethod,
            false => Collect::Checkout,
        }),
        gateway: new.gateway,
        method,
        dims: new.dims,
    };
    let why = cause(row, actor);
    let (_, made) =
        invoicing::invoice(app, settings, wanted, Some(row.clone()), vec![], why).await?;
    granted(made)
}

impl OfInvoice {
    fn check(&self, policy: &Policy) -> Result<(), Denied> {
        check(policy, self.method.as_ref(), self.gateway.as_deref())?;
        match self.amount.is_some_and(|amount| amount.minor <= 0) {
            true => Err(Denied::invalid("amount", "more than 0")),
            false => Ok(()),
        }
    }
}

/// What can be told of a charge before anything is read.
fn check(policy: &Policy, method: Option<&Chosen>, gateway: Option<&str>) -> Result<(), Denied> {
    if let Some(gateway) = gateway {
        clinics_settings::page(policy, "gateway", gateway)?;
    }
    let Some(Chosen::Kept(kept)) = method else {
        return Ok(());
    };
    clinics_settings::charges(policy, "method.gateway", &kept.gateway)?;
    match gateway.is_some_and(|gateway| gateway != kept.gateway) {
        true => Err(Denied::invalid(
            "gateway",
            "the method is kept at another gateway",
        )),
        false => Ok(()),
    }
}

/// Who pays, and at which gateway where one was named.
struct Payer<'a> {
    app: &'a App,
    clinic: &'a str,
    patient: Option<&'a str>,
    gateway: Option<&'a str>,
    policy: &'a Policy,
    site: Option<&'a str>,
}

impl Payer<'_> {
    /// How it is collected: as the request says, else by policy.
    async fn charge(&self, new: &OfInvoice) -> Result<NewCharge, Denied> {
        let (policy, site) = (self.policy, self.site);
        if let (Some(_), Some(Way::Checkout)) = (&new.method, new.way) {
            let why = "a checkout has no method: leave one of them out";
            return Err(Denied::invalid("collect", why));
        }
        let way = new.way.unwrap_or(match policy.collect {
            Collect::Checkout => Way::Checkout,
            Collect::SavedMethod | Collect::Later => Way::SavedMethod,
        });
        let method = match (&new.method, way) {
            (Some(method), _) => Some(self.chosen(method.clone()).await?),
            (None, Way::SavedMethod) => self.saved(new.way.is_some()).await?,
            (None, Way::Checkout) => None,
        };
        let erased = self.app.is_erased(self.clinic, self.patient).await?;
        if erased && method.is_some() {
            return Err(Denied::invalid("method", GONE));
        }
        let keeps = policy.save_method && self.patient.is_some() && !erased;
        let page = || {
            new.gateway
                .clone()
                .unwrap_or_else(|| policy.gateway_at(site).into())
        };
        Ok(NewCharge {
            amount: new.amount,
            gateway: method.as_ref().map_or_else(page, |m| m.gateway.clone()),
            keep_method: method.is_none() && keeps,
            method,
        })
    }

    async fn methods(&self) -> Result<Vec<patients::Kept>, Denied> {
        match self.patient {
            Some(patient) => Ok(patients::methods(self.app, self.clinic, patient).await?),
            None => Ok(vec![]),
        }
    }

    /// The method that a request chose, with what is known of it.
    async fn chosen(&self, method: Chosen) -> Result<Method, Denied> {
        let Chosen::Kept(kept) = method else {
            let none = || {
                let why = "no method is saved: leave it out, with `collect` as `checkout`";
                Denied::invalid("method", why)
            };
            return self.saved(true).await?.ok_or_else(none);
        };
        let known = self.methods().await?.into_iter().map(|known| known.method);
        let mut same = known.filter(|m| m.gateway == kept.gateway && m.token == *kept.token);
        Ok(same.next().unwrap_or_else(|| Method {
            gateway: kept.gateway,
            customer: kept.customer.map(String::from),
            token: kept.token.into(),
            label: label::kept(kept.label.as_deref().unwrap_or_default()),
        }))
    }

    /// The method that is charged by itself, at this gateway where one was named. Another gateway's
    /// is never charged in its place; by policy alone a patient without any method is sent to its
    /// page.
    async fn saved(&self, asked: bool) -> Result<Option<Method>, Denied> {
        let methods = self.methods().await?;
        let agreed = methods.into_iter().filter(|kept| kept.later_charges);
        let methods: Vec<Method> = agreed.map(|kept| kept.method).collect();
        let elsewhere = !methods.is_empty();
        let fits = |method: &Method| {
            let (site, gateway) = (self.site, self.gateway);
            self.policy.may_charge(site, gateway, &method.gateway)
        };
        match (methods.into_iter().find(fits), self.gateway) {
            (None, Some(gateway)) if asked || elsewhere => Err(Denied::invalid(
                "gateway",
                format!(
                    "no method is saved at {gateway}: leave the gateway out to charge another \
                     one, or open a page there with `collect` as `checkout`"
                ),
            )),
            (found, _) => Ok(found),
        }
    }
}

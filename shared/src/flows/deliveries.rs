//! Deliveries: one message to one system, once. What became of it, and the id under which the
//! system filed it, live in the delivery's own row; the case does not hear of it.

use super::commit::Change;
use super::{Failure, House, lease_seconds, read_case_pk};
use crate::clock;
use crate::domain::case::Case;
use crate::domain::event::Event;
use crate::domain::settings::Settings;
use crate::domain::task::{Alert, Delivery, Task, Topic, Work};
use crate::ids;
use crate::pages::messages;
use crate::queue::RowKey;
use crate::store::{Row, Write, Written};
use crate::systems::{self, Channel, Customer, Filed, Hears, System, Telling};
use crate::vendor::{Account, Effect, LostReply, Trouble};

/// Seconds from one try to the next; after the last a person is told.
const WAITS: [i64; 8] = [10, 60, 300, 900, 3600, 4 * 3600, 12 * 3600, 86_400];
/// A delivery that needs another one first looks again after so many seconds at least.
const BEHIND: i64 = 5;

/// What one act of a delivery came to.
enum Act {
    Done(Option<String>),
    /// Again after so many seconds; `sent` where the call may have reached the system.
    Again {
        wait: i64,
        sent: bool,
        why: String,
    },
    /// It may have reached the system, and cannot be asked or repeated.
    Unknown(String),
    /// The system refuses it for good.
    Failed(String),
}

enum Earlier {
    /// With the id under which it was filed.
    Done(Option<String>),
    /// Until then nothing is done about it, in epoch milliseconds.
    Waiting(i64),
    Failed,
}

/// How a delivery is put off.
struct Later {
    wait: i64,
    /// The call may have reached the system: the next try asks first.
    sent: bool,
    tried: bool,
}

/// One delivery on the table.
struct Desk<'a> {
    house: &'a House,
    settings: &'a Settings,
    case: &'a Case,
    system: &'static System,
    account: Account,
}

impl House {
    /// Works one delivery off (`task#tell-…`).
    pub async fn deliver(&self, key: &RowKey) -> Result<(), Failure> {
        let (clinic, case) = read_case_pk(&key.pk).ok_or("no key of a case")?;
        let Some(row) = self.store.get(&key.pk, &key.sk).await? else {
            return Ok(());
        };
        let now = clock::now();
        if !row.has("due_at") || row.int("due_at") > clock::millis(now) {
            return Ok(());
        }
        let task: Task = row.read("data")?;
        let Work::Deliver(delivery) = &task.work else {
            return Ok(());
        };
        let settings = self.settings_of(clinic).await?;
        let case = self
            .case(clinic, case)
            .await?
            .ok_or("a delivery without a case")?;
        let found = systems::find(&delivery.system).and_then(|system| {
            let hears = system
                .hears
                .iter()
                .find(|hears| hears.topic == delivery.topic)?;
            Some((system, hears))
        });
        let Some((system, hears)) = found else {
            return self
                .finish(&row, "failed", "this version does not tell it that")
                .await;
        };
        let mut builds_on = None;
        if let Some(after) = hears.after {
            match self.earlier(&case, delivery, after).await? {
                Earlier::Done(id) => builds_on = id,
                Earlier::Waiting(until) => {
                    let behind = Later {
                        wait: ((until - clock::millis(now)) / 1000).max(0) + BEHIND,
                        sent: false,
                        tried: false,
                    };
                    return self
                        .put_off(&row, behind, "waits for an earlier delivery")
                        .await;
                }
                Earlier::Failed => {
                    let why = "what it builds on was not filed";
                    return self.failed(&settings, &case, &row, why).await;
                }
            }
        }
        let telling = match self
            .telling(&settings, &case, system, delivery, &task)
            .await?
        {
            Ok(telling) => telling,
            Err(why) => return self.finish(&row, "skipped", why).await,
        };
        let account = match self.account(clinic, system.vendor).await {
            Ok(account) => account,
            Err(trouble) => {
                return self
                    .failed(&settings, &case, &row, &trouble.to_string())
                    .await;
            }
        };
        let desk = Desk {
            house: self,
            settings: &settings,
            case: &case,
            system,
            account,
        };
        desk.acts(
            row,
            hears,
            Telling {
                filed: builds_on,
                ..telling
            },
        )
        .await
    }

    /// Writes a row if nobody else did since it was read; `None` where somebody did.
    async fn replace(&self, read: &Row, row: Row) -> Result<Option<Row>, Failure> {
        let version = read.int("version") as u64;
        let row = row.number("version", version + 1);
        let write = Write::Replace {
            row: row.clone(),
            version,
        };
        match self.store.transact(&[write]).await? {
            Written::Done => Ok(Some(row)),
            Written::Failed(_) | Written::Conflict => {
                // Our own write whose reply was lost counts as ours.
                let now = self.store.get(read.get("pk"), read.get("sk")).await?;
                Ok(now.filter(|now| *now == row))
            }
        }
    }

    /// Later. A call that may have been sent stays `calling`, so that the next try asks first.
    async fn put_off(&self, row: &Row, later: Later, why: &str) -> Result<(), Failure> {
        let Later { wait, sent, tried } = later;
        let tries = row.int("tries") + i64::from(tried);
        let least = WAITS[(tries.max(1) - 1).min(WAITS.len() as i64 - 1) as usize];
        let wait = if tried { wait.max(least) } else { wait };
        let mut later = row
            .clone()
            .number("tries", tries)
            .text("why", why)
            .due(clock::millis(clock::after(clock::now(), wait)));
        if !sent {
            later = later.text("state", "open");
        }
        self.replace(row, later).await.map(drop)
    }

    async fn finish(&self, row: &Row, state: &str, why: &str) -> Result<(), Failure> {
        let mut done = row.clone().text("state", state).text("why", why);
        done.0.remove("due_pk");
        done.0.remove("due_at");
        self.replace(row, done).await.map(drop)
    }

    async fn failed(
        &self,
        settings: &Settings,
        case: &Case,
        row: &Row,
        why: &str,
    ) -> Result<(), Failure> {
        self.person(settings, case, row, why).await?;
        self.finish(row, "failed", why).await
    }

    async fn person(
        &self,
        settings: &Settings,
        case: &Case,
        row: &Row,
        why: &str,
    ) -> Result<(), Failure> {
        let id = row.get("sk").trim_start_matches("task#").to_owned();
        // A system that cannot be told must not be told of that without end.
        if id.contains(Topic::NeedsPerson.name()) {
            return Ok(());
        }
        let event = Event::Person {
            id: id.clone(),
            alert: Alert::DeliveryFailed,
            note: format!("{id} was not delivered: {why}."),
        };
        self.commit(
            Change::new(settings, &case.id, event, format!("delivery {id}")),
            None,
        )
        .await?;
        Ok(())
    }

    /// What became of an earlier topic of the same case at this system. One that is due is worked
    /// off first.
    async fn earlier(
        &self,
        case: &Case,
        delivery: &Delivery,
        topic: Topic,
    ) -> Result<Earlier, Failure> {
        let pk = super::case_pk(&case.clinic, &case.id);
        let prefix = format!("task#tell-{}-{}", delivery.system, topic.name());
        let mut filed = None;
        for row in self.store.under(&pk, &prefix).await? {
            let Work::Deliver(other) = row.read::<Task>("data")?.work else {
                continue;
            };
            // Of another payment of the case: nothing to wait for.
            if other.payment.is_some() && other.payment != delivery.payment {
                continue;
            }
            let row = match row.get("state") {
                "open" => {
                    Box::pin(self.deliver(&row.key())).await?;
                    self.store
                        .get(&pk, row.get("sk"))
                        .await?
                        .unwrap_or_default()
                }
                _ => row,
            };
            match row.get("state") {
                "done" => filed = Some(row.get("filed_as").to_owned()).filter(|id| !id.is_empty()),
                "open" | "calling" => return Ok(Earlier::Waiting(row.int("due_at"))),
                _ => return Ok(Earlier::Failed),
            }
        }
        Ok(Earlier::Done(filed))
    }

    /// What is told, or why there is nobody to tell.
    async fn telling(
        &self,
        settings: &Settings,
        case: &Case,
        system: &System,
        delivery: &Delivery,
        task: &Task,
    ) -> Result<Result<Telling, &'static str>, Failure> {
        let patient = match &case.patient {
            Some(patient) => self.patient(&settings.id, patient).await?,
            None => None,
        };
        let person = patient
            .as_ref()
            .map(|patient| patient.person.clone())
            .unwrap_or_default();
        match system.channel {
            Channel::PatientEmail if person.email.is_none() => return Ok(Err("no e-mail address")),
            Channel::PatientText if person.phone.is_none() => return Ok(Err("no phone number")),
            _ => {}
        }
        let shared = settings.policy.share_names || system.channel == Channel::PatientEmail;
        let customer = Customer {
            reference: patient.map_or("walk-in".into(), |patient| patient.reference),
            name: Some(person.name).filter(|name| shared && !name.is_empty()),
            email: person
                .email
                .filter(|_| system.channel == Channel::PatientEmail),
            phone: person
                .phone
                .filter(|_| system.channel == Channel::PatientText),
        };
        let payment = delivery.payment.and_then(|n| case.payment(n));
        let refund = delivery.object.as_deref().and_then(|key| {
            case.refunds()
                .find(|(_, refund)| refund.key() == key)
                .map(|(_, refund)| refund)
        });
        let dispute = delivery.object.as_deref().and_then(|key| {
            payment.and_then(|p| p.disputes.iter().find(|dispute| dispute.key() == key))
        });
        let receipt = delivery.payment.map(|n| {
            let base = ids::payment_reference(&case.id, n);
            refund.map_or(base.clone(), |refund| format!("{base}-{}", refund.key()))
        });
        let address = match &receipt {
            Some(receipt) => Some(self.receipt_address(&settings.id, receipt).await?),
            None => None,
        };
        let amount = match (refund, dispute, payment) {
            (Some(refund), ..) => refund.amount,
            (None, Some(dispute), _) => dispute.amount,
            (None, None, Some(payment)) => payment.amount,
            (None, None, None) => case.invoice.total,
        };
        let said = messages::Said {
            clinic: &settings.name,
            phone: &settings.phone,
            invoice: &case.invoice.number,
            amount,
            due: case.due(),
            receipt: receipt.as_deref().map(super::receipts::number),
            receipt_address: address.as_deref(),
            page: payment
                .and_then(|p| p.open_page())
                .map(|page| page.url.as_str()),
            method: payment
                .and_then(|p| p.method.as_ref())
                .map(|m| m.label.as_str()),
            gateway: payment.map(|p| p.gateway.as_str()),
            retry_at: retry_day(case, payment.map(|p| p.n), settings),
            note: self.note_of(case, delivery).await?,
        };
        let topic = delivery.topic;
        Ok(Ok(Telling {
            key: format!("{}-{}", case.id, &ids::derived(&[&task.id])[..12]),
            topic,
            filed: None,
            clinic: settings.name.clone(),
            invoice: case.invoice.number.clone(),
            refund: refund.and(receipt.as_deref()).map(super::receipts::number),
            amount,
            net: case.invoice.net,
            tax: case.invoice.tax,
            total: case.invoice.total,
            // Due from the moment of what it tells.
            date: task.due.to_zoned(settings.zone()).date(),
            gateway: payment.map_or(String::new(), |p| p.gateway.clone()),
            customer,
            message: match system.channel {
                Channel::PatientEmail | Channel::PatientText => messages::to_patient(topic, &said),
                Channel::Staff | Channel::Books => messages::to_staff(topic, &said),
            },
        }))
    }

    /// What a person's task says, where the delivery tells of one.
    async fn note_of(&self, case: &Case, delivery: &Delivery) -> Result<Option<String>, Failure> {
        let Some(object) = &delivery.object else {
            return Ok(None);
        };
        if delivery.topic != Topic::NeedsPerson {
            return Ok(None);
        }
        let pk = super::case_pk(&case.clinic, &case.id);
        let row = self
            .store
            .get(&pk, &format!("task#person-{object}"))
            .await?;
        let task = row.map(|row| row.read::<Task>("data")).transpose()?;
        Ok(task.and_then(|task| match task.work {
            Work::Person { note, .. } => Some(note),
            _ => None,
        }))
    }
}

/// The day of the next try, in the clinic's zone.
fn retry_day(case: &Case, payment: Option<u32>, settings: &Settings) -> Option<jiff::civil::Date> {
    let payment = case.payment(payment?)?;
    let days = case.policy.retry_after_days.first()?;
    let hopeful = payment
        .decline
        .is_some_and(crate::domain::fact::Decline::may_retry);
    let planned = hopeful && payment.method.is_some();
    let at = clock::after(clock::now(), i64::from(*days) * 86_400);
    planned.then(|| at.to_zoned(settings.zone()).date())
}

impl Desk<'_> {
    /// Every act from the first that is not done, each under a lease of its own.
    async fn acts(&self, mut row: Row, hears: &Hears, mut telling: Telling) -> Result<(), Failure> {
        let Self {
            house,
            settings,
            case,
            system,
            ..
        } = self;
        while let Some(act) = hears.acts.get(row.int("acts_done") as usize) {
            if row.has("filed_as") {
                telling.filed = Some(row.get("filed_as").to_owned());
            }
            // A lease that ran out says that the call was sent and nobody recorded its end.
            let sent_at = row.int("sent_at");
            let lost = (row.get("state") == "calling").then_some(sent_at);
            let now = clock::now();
            let leased = row
                .clone()
                .text("state", "calling")
                // Two that take the row in the same instant must not write the same row.
                .text("owner", ids::random())
                .number("sent_at", lost.unwrap_or(now.as_second()))
                .due(clock::millis(clock::after(now, lease_seconds())));
            let Some(leased) = house.replace(&row, leased).await? else {
                return Ok(());
            };
            row = leased;
            let age = lost.map(|at| now.as_second() - at);
            let outcome = self.act(act, &telling, age).await;
            match outcome {
                Act::Done(id) => {
                    let done = row.int("acts_done") + 1;
                    let mut next = row.clone().text("state", "open").number("acts_done", done);
                    if let Some(id) = id {
                        next = next.text("filed_as", id);
                    }
                    if done as usize == hears.acts.len() {
                        tracing::info!(
                            event = "delivered",
                            system = system.vendor.id,
                            topic = telling.topic.name(),
                            case = case.id
                        );
                        next.0.remove("due_pk");
                        next.0.remove("due_at");
                        next = next.text("state", "done");
                    }
                    let Some(next) = house.replace(&row, next).await? else {
                        return Ok(());
                    };
                    row = next;
                }
                Act::Again { why, .. } if row.int("tries") >= WAITS.len() as i64 => {
                    return house.failed(settings, case, &row, &why).await;
                }
                Act::Again { wait, sent, why } => {
                    let later = Later {
                        wait,
                        sent,
                        tried: true,
                    };
                    return house.put_off(&row, later, &why).await;
                }
                Act::Unknown(why) => {
                    house.person(settings, case, &row, &why).await?;
                    return house.finish(&row, "unknown", &why).await;
                }
                Act::Failed(why) => return house.failed(settings, case, &row, &why).await,
            }
        }
        Ok(())
    }

    /// One act; `age` is how many seconds ago it was sent without a recorded end.
    async fn act(
        &self,
        act: &'static Effect<Telling, Filed>,
        telling: &Telling,
        age: Option<i64>,
    ) -> Act {
        let Self {
            account, system, ..
        } = self;
        let (clinic, vendor) = (&self.settings.id, system.vendor);
        let mut lost = &act.lost_reply;
        if let Some(age) = age {
            while let LostReply::SameKey { lifetime, then, .. } = lost {
                if age <= lifetime - lifetime / 10 {
                    break;
                }
                lost = then;
            }
            match lost {
                LostReply::SameKey { .. } => {}
                LostReply::Human => {
                    return Act::Unknown("it may have been sent; look before repeating it".into());
                }
                LostReply::Find {
                    call,
                    trusted_after,
                } => {
                    let found = async {
                        let request = (call.build)(telling, account)?;
                        let reply = self
                            .house
                            .call(clinic, vendor, account, &request, None)
                            .await?;
                        (call.parse)(telling, &reply, account)
                    };
                    match found.await {
                        Ok(Some(filed)) => return Act::Done(filed.0),
                        Ok(None) if age >= *trusted_after => {}
                        Err(Trouble::Rejected(why)) => return Act::Failed(why),
                        Ok(None) | Err(_) => {
                            // Still calling: the next look comes when the lease is over.
                            let why = "looked for it, not there yet".into();
                            return Act::Again {
                                wait: *trusted_after,
                                sent: true,
                                why,
                            };
                        }
                    }
                }
            }
        }
        let request = match (act.call.build)(telling, account) {
            Ok(request) => request,
            Err(why) => return Act::Failed(why.to_string()),
        };
        let key = match &act.lost_reply {
            LostReply::SameKey { place, .. } => Some((*place, telling.key.as_str())),
            LostReply::Find { .. } | LostReply::Human => None,
        };
        let reply = self
            .house
            .call(clinic, vendor, account, &request, key)
            .await;
        let trouble = match reply.and_then(|reply| (act.call.parse)(telling, &reply, account)) {
            Ok(filed) => return Act::Done(filed.0),
            Err(trouble) => trouble,
        };
        tracing::warn!(system = system.vendor.id, %trouble, "a delivery failed");
        let text = trouble.to_string();
        match trouble {
            Trouble::Exists(id) => Act::Done(Some(id)),
            Trouble::Limited { seconds } => Act::Again {
                wait: seconds.clamp(1, 3600),
                sent: age.is_some(),
                why: text,
            },
            Trouble::Credentials(_) | Trouble::Missing | Trouble::Stale(_) => Act::Again {
                wait: 900,
                sent: age.is_some(),
                why: text,
            },
            Trouble::Rejected(_) | Trouble::Declined(_) => Act::Failed(text),
            Trouble::InFlight | Trouble::Unclear(_) | Trouble::Unreadable(_) => {
                let wait = match &act.lost_reply {
                    LostReply::Human => return Act::Unknown(text),
                    LostReply::SameKey { .. } => 10,
                    LostReply::Find { trusted_after, .. } => *trusted_after,
                };
                Act::Again {
                    wait,
                    sent: true,
                    why: text,
                }
            }
        }
    }
}

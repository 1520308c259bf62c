//! Settling: what became of a call whose reply was lost, and of a payment that nobody spoke of.

use super::ask::{Ask, Lost};
use super::{Desk, Target};
use crate::clock;
use crate::domain::case::{Case, Intent};
use crate::domain::event::{Event, NotDone};
use crate::domain::fact::{Fact, Kind};
use crate::domain::payment::State;
use crate::flows::{Failure, House, lease_seconds, read_case_pk};
use crate::ids;
use crate::queue::RowKey;
use crate::vendor::Trouble;

/// Seconds from one look at an unsettled payment to the next; the last one goes on.
const POLLS: [i64; 6] = [900, 3600, 3 * 3600, 6 * 3600, 12 * 3600, 86_400];
/// Seconds from one try at an unknown outcome to the next.
const RESOLVES: [i64; 8] = [10, 30, 60, 300, 900, 3600, 3 * 3600, 6 * 3600];
/// So many seconds after its end a page counts as over, where the gateway does not say so.
const PAGE_OVER: i64 = 900;
/// After so many looks a person takes over.
const MOST: u32 = 40;

impl House {
    /// Works a `Work::Settle` row off.
    pub async fn settle(&self, key: &RowKey, target: Target, tries: u32) -> Result<(), Failure> {
        let (clinic, id) = read_case_pk(&key.pk).ok_or("no key of a case")?;
        let case = self.case(clinic, id).await?.ok_or("no such case")?;
        let settings = self.settings_of(clinic).await?;
        match target.intent(&case).cloned() {
            Some(intent) if intent.lease_until > clock::now() => Ok(()),
            Some(_) if !target.is_unknown(&case) => self.lost(&settings, case, target).await,
            intent => {
                let waits = intent.is_none();
                let Some((desk, case)) = self.desk(settings, case, target).await? else {
                    // Nothing was to be sent, so nothing was put off either.
                    return match waits {
                        true => Err("its gateway cannot be asked".into()),
                        false => Ok(()),
                    };
                };
                match intent {
                    Some(intent) => desk.resolve(case, intent, tries).await,
                    None => desk.poll(case, tries).await,
                }
            }
        }
    }
}

impl Desk<'_> {
    /// An unknown outcome: repeat under the same key, or look for our reference, or ask a person.
    async fn resolve(&self, case: Case, intent: Intent, tries: u32) -> Result<(), Failure> {
        let now = clock::now();
        let age = now.as_second() - intent.first_sent_at.as_second();
        let Ok(ask) = self.ask(&case, intent.step) else {
            return self.still_unknown(case, RESOLVES[0], tries, true).await;
        };
        match ask.lost(self.gateway, &self.account, age) {
            Lost::Repeat => {
                let lease_until = clock::after(now, lease_seconds());
                let intent = Intent {
                    owner: ids::random(),
                    lease_until,
                    ..intent
                };
                self.call_and_record(case, intent).await
            }
            Lost::Person => self.still_unknown(case, RESOLVES[0], tries, true).await,
            Lost::Find {
                request,
                trusted_after,
            } => {
                let found = self.find(&ask, &request, age).await;
                let event = match found {
                    Some(Some(facts)) => self.answered(&case, facts),
                    // Nothing is known there, and by now it would be: it never happened.
                    Some(None) if age >= trusted_after => {
                        let Target { payment, refund } = self.target;
                        let retry_at = now;
                        let never = true;
                        Event::NotDone(NotDone {
                            payment,
                            refund,
                            retry_at,
                            never,
                            note: None,
                        })
                    }
                    Some(None) | None => {
                        let wait = RESOLVES[(tries as usize).min(RESOLVES.len() - 1)];
                        return self.still_unknown(case, wait, tries, tries > MOST).await;
                    }
                };
                let cause = format!("{} look-up", self.gateway.vendor.id);
                self.house.record(&self.settings, case, event, &cause).await
            }
        }
    }

    async fn find(
        &self,
        ask: &Ask,
        request: &crate::vendor::Request,
        age: i64,
    ) -> Option<Option<Vec<Fact>>> {
        let (clinic, vendor) = (&self.settings.id, self.gateway.vendor);
        let reply = self
            .house
            .call(clinic, vendor, &self.account, request, None)
            .await;
        let found = reply.and_then(|r| ask.found(self.gateway, &r, &self.account, age));
        found
            .inspect_err(|trouble| tracing::warn!(%trouble, "a look-up failed"))
            .ok()
    }

    /// A payment under way that nobody spoke of: what does the gateway say?
    async fn poll(&self, case: Case, tries: u32) -> Result<(), Failure> {
        let before = self.target.state(&case);
        let ask = self.target.lookup(&case);
        let clinic = &self.settings.id;
        let facts = self
            .house
            .look_up(clinic, self.gateway, &self.account, &ask)
            .await;
        let facts = match facts {
            // The gateway has forgotten a page on which nobody paid.
            Err(Trouble::Missing) if self.waits_on_page(&case) => vec![self.expired(&case)],
            other => other
                .inspect_err(|trouble| tracing::warn!(%trouble, case = case.id, "a look-up failed"))
                .unwrap_or_default(),
        };
        let mut case = self.told(case, facts).await?;
        if self.waits_on_page(&case) && self.page_ran_out(&case) {
            let expired = self.expired(&case);
            case = self.told(case, vec![expired]).await?;
        }
        if self.target.state(&case) != before || !self.target.is_open(&case) {
            return Ok(());
        }
        let wait = POLLS[(tries as usize).min(POLLS.len() - 1)];
        self.still_unknown(case, wait, tries, tries > MOST).await
    }

    /// Commits what was looked up; the case as it is then.
    async fn told(&self, case: Case, facts: Vec<Fact>) -> Result<Case, Failure> {
        let id = case.id.clone();
        let cause = format!("{} look-up", self.gateway.vendor.id);
        let event = self.looked_up(&case, facts);
        self.house
            .record(&self.settings, case, event, &cause)
            .await?;
        let now = self.house.case(&self.settings.id, &id).await?;
        now.ok_or_else(|| "a case vanished".into())
    }

    /// Whether the payer may still pay on a page, and nothing was heard of that.
    fn waits_on_page(&self, case: &Case) -> bool {
        let payment = case.payment(self.target.payment);
        self.target.refund.is_none()
            && payment.is_some_and(|p| {
                p.state == State::Open && p.open_page().is_some() && p.capture.is_none()
            })
    }

    fn page_ran_out(&self, case: &Case) -> bool {
        let page = case
            .payment(self.target.payment)
            .and_then(|p| p.session.as_ref());
        let until = page.and_then(|page| page.expires_at);
        until.is_some_and(|until| clock::after(until, PAGE_OVER) < clock::now())
    }

    fn expired(&self, case: &Case) -> Fact {
        Fact {
            reference: Some(self.target.reference(case)),
            ..Fact::new(Kind::PaymentExpired)
        }
    }

    async fn still_unknown(
        &self,
        case: Case,
        wait: i64,
        tries: u32,
        person: bool,
    ) -> Result<(), Failure> {
        let Target { payment, refund } = self.target;
        let again_at = clock::after(clock::now(), wait);
        let event = Event::StillUnknown {
            payment,
            refund,
            again_at,
            tries: tries + 1,
            person,
        };
        self.house
            .record(&self.settings, case, event, "looked up, nothing new")
            .await
    }
}

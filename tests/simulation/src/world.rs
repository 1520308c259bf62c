//! The world: one case, its gateways, a clock, and a plan that says who acts and what goes wrong.
//! Everything that happens is taken from one agenda, in the order of time.

use crate::adapters;
use crate::bill::Bill;
use crate::check::{self, Checked, Violation};
use crate::clinic::{Clinic, Committed, OWNER};
use crate::coverage::Coverage;
use crate::gateway::{By, DAY, Fate, Gateway, RefundFate};
use crate::plan::{Act, CallFault, Collected, HookFault, LookFault, Plan};
use crate::posting::Waiting;
use crate::wire::{Answer, Asked, Code, Say, What};
use jiff::Timestamp;
use meridian::contract::{Account, Body, Granted, Lookup, Pause, Reply, Request, Talk, Trouble};
use meridian::domain::case::{Case, Intent, Step};
use meridian::domain::credit;
use meridian::domain::event::{Event, NewCharge, NewDeposit, NewInvoice};
use meridian::domain::fact::{Fact, Method};
use meridian::domain::invoice::Line;
use meridian::domain::policy::{Collect, Policy};
use meridian::domain::settings::Settings;
use meridian::domain::task::{Task, Work};
use meridian::flows::calls::ask::{Ask, Back};
use meridian::flows::calls::{At, Heard, Job, Move, Outcome, Recorded, Target, Traits};
use meridian::flows::{accounts, patients};
use meridian::words::ids;
use meridian::words::money::{Currency, Money};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::LazyLock;

/// When every history begins.
const BEGINNING: i64 = 1_750_000_000;
/// For how long a call is its worker's alone.
const LEASE: i64 = 60;
/// How long after the last act things may go on by themselves.
const REST: i64 = 150 * DAY;
/// Far more than any history takes: one that never ends is a fault of its own.
const MOST: usize = 20_000;

/// Under which the patient got what he has from another case.
pub const FIRST_CREDIT: &str = "elsewhere";

static CASE: LazyLock<String> = LazyLock::new(|| ids::derived(&["simulated case"]));
static EUR: LazyLock<Currency> = LazyLock::new(|| Currency::read("EUR").expect("a currency"));
static TRAITS: LazyLock<Vec<Traits>> = LazyLock::new(|| {
    adapters::ALL
        .iter()
        .map(|(_, g)| Traits::of(g, g.vendor.id))
        .collect()
});
static ACCOUNT: LazyLock<Account> =
    LazyLock::new(|| Account::load(&[], BTreeMap::new()).expect("nothing is needed"));
static SETTINGS: LazyLock<Settings> = LazyLock::new(|| Settings {
    id: "demo".into(),
    name: "A clinic".into(),
    address: String::new(),
    phone: String::new(),
    tax_number: String::new(),
    currency: *EUR,
    time_zone: "UTC".into(),
    policy: Policy::default(),
    systems: vec![],
});

/// The clinic as it is set up.
pub fn settings() -> &'static Settings {
    &SETTINGS
}

/// What is due to happen.
enum Due {
    Act(usize),
    Hook {
        n: usize,
        gateway: usize,
        say: Box<Say>,
    },
    Hear(Box<Flight>, Heard),
    Post(Box<Waiting>),
}

/// A job whose gateway has not answered yet.
struct Flight {
    job: Job,
    target: Target,
    /// Whether another try follows once its gateway was asked.
    retries: bool,
    /// Whether a call was refused for what only people can mend.
    refused: bool,
    /// The newest case that the worker knows.
    case: Case,
}

pub struct World<'a> {
    pub plan: &'a Plan,
    pub now: i64,
    pub gateways: Vec<Gateway>,
    pub clinic: Clinic,
    pub bill: Bill,
    /// Pages that the patient was sent to.
    pub shown: HashSet<String>,
    /// The most that was ever paid above what was asked for.
    pub most_surplus: i64,
    /// How much people were told of in all: of each payment in cents, of each refund once.
    pub told_sums: HashMap<String, i64>,
    pub told_names: HashSet<String>,
    /// How often people were told that money of a payment came or went back.
    pub told_times: HashMap<(Option<u32>, &'static str), usize>,
    /// What of each payment stayed when people last heard that it came or went back.
    pub told_stays: HashMap<u32, i64>,
    pub coverage: Coverage,
    pub story: Option<Vec<String>>,
    agenda: BTreeMap<(i64, usize), Due>,
    /// When a row was last handed to a worker, and for which due time.
    handed: BTreeMap<String, (i64, Timestamp)>,
    seq: usize,
    calls: usize,
    looks: usize,
    hooks: usize,
    pub swapped: Vec<i64>,
    pub out: Vec<i64>,
    pub deaf: i64,
    pub two_workers: bool,
    /// References of calls that a gateway refused in its own words, and of what people found not to
    /// have happened.
    pub refused: HashSet<String>,
    /// Payments of which people said how they stand, but not what else the gateway would tell.
    pub found: HashSet<u32>,
    /// Whether a list ever named another amount than what came.
    pub misstated: bool,
    /// Webhooks that were lost, kept by their gateway.
    lost: Vec<(usize, usize, Say)>,
    resting: bool,
}

impl<'a> World<'a> {
    pub fn new(plan: &'a Plan, story: bool) -> Self {
        Self {
            plan,
            now: BEGINNING,
            gateways: adapters::ALL
                .iter()
                .map(|(kind, _)| Gateway::new(kind))
                .collect(),
            clinic: Clinic::default(),
            bill: Bill::default(),
            shown: HashSet::new(),
            most_surplus: 0,
            told_sums: HashMap::new(),
            told_names: HashSet::new(),
            told_times: HashMap::new(),
            told_stays: HashMap::new(),
            coverage: Coverage::default(),
            story: story.then(Vec::new),
            agenda: BTreeMap::new(),
            handed: BTreeMap::new(),
            seq: 0,
            calls: 0,
            looks: 0,
            hooks: 0,
            swapped: vec![0; adapters::ALL.len()],
            out: vec![0; adapters::ALL.len()],
            deaf: 0,
            two_workers: false,
            refused: HashSet::new(),
            found: HashSet::new(),
            misstated: false,
            lost: vec![],
            resting: false,
        }
    }

    /// Lets the whole history happen.
    pub fn run(&mut self) -> Checked {
        self.begin()?;
        for (n, (at, _)) in self.plan.acts.iter().enumerate() {
            self.put(BEGINNING + at, Due::Act(n));
        }
        let last = self.plan.acts.last().map_or(0, |(at, _)| *at);
        let mut end = BEGINNING + last + REST;
        for _ in 0..MOST {
            if self.next(end)? {
                continue;
            }
            if self.resting {
                return self.check_rest();
            }
            // All is well again; what the gateways kept is delivered once more.
            self.resting = true;
            self.say(|_| "All is well again.".into());
            end = self.now.max(end) + REST;
            for (n, gateway, say) in std::mem::take(&mut self.lost) {
                match n % 2 == 0 && self.is_found_by_asking(gateway, &say) {
                    true => self.coverage.saw("webhook lost for ever"),
                    false => self.deliver(n, gateway, say, 1),
                }
            }
        }
        check::fail(check::ENDS, "it goes on and on")
    }

    /// Whether somebody who asks for what is under way learns this too, so that nothing need tell it:
    /// what becomes of our own payments and refunds, until they ended. Where a stranger paid just as
    /// much under our reference, whoever asks for one of the two need not learn of the other.
    fn is_found_by_asking(&self, gateway: usize, say: &Say) -> bool {
        let gateway = &self.gateways[gateway];
        if gateway.payments.iter().any(|p| p.by == By::Stranger) {
            return false;
        }
        let ours = |id: &String| {
            let mut payments = gateway.payments.iter();
            payments.any(|p| p.id == *id && p.by != By::Stranger && !p.went_back)
        };
        let of_ours = say.payment.as_ref().is_some_and(ours);
        let ends = !matches!(
            say.what,
            What::Returned
                | What::RefundFailed
                | What::DisputeOpened
                | What::DisputeWon
                | What::DisputeLost
        );
        let dashboard = say.refund.is_some() && say.reference.is_none();
        of_ours && ends && !dashboard && !gateway.kind.late
    }

    pub fn say(&mut self, words: impl FnOnce(&Self) -> String) {
        if self.story.is_none() {
            return;
        }
        let since = self.now - BEGINNING;
        let (day, rest) = (since / DAY, since % DAY);
        let (h, m, s) = (rest / 3600, rest / 60 % 60, rest % 60);
        let line = format!("day {day} {h:02}:{m:02}:{s:02}  {}", words(self));
        self.story
            .iter_mut()
            .for_each(|story| story.push(line.clone()));
    }

    fn put(&mut self, at: i64, due: Due) {
        self.seq += 1;
        self.agenda.insert((at, self.seq), due);
    }

    /// A number that was not used before.
    pub fn seq(&mut self) -> usize {
        self.seq += 1;
        self.seq
    }

    pub fn ts(&self) -> Timestamp {
        Timestamp::from_second(self.now).unwrap_or(Timestamp::MAX)
    }

    pub fn eur(&self, minor: i64) -> Money {
        Money::new(minor, *EUR)
    }

    /// What the patient is to pay now.
    pub fn total(&self) -> i64 {
        self.bill.asked
    }

    pub fn name_of(&self, gateway: usize) -> &'static str {
        adapters::ALL[gateway].0.id
    }

    pub fn index_of(&self, gateway: &str) -> usize {
        let at = adapters::ALL
            .iter()
            .position(|(kind, _)| kind.id == gateway);
        at.unwrap_or_default()
    }

    pub fn traits(&self, gateway: usize) -> &'static Traits {
        &TRAITS[gateway]
    }

    fn begin(&mut self) -> Checked {
        for (n, stored) in self.plan.methods.iter().enumerate() {
            let method = self.method(stored.gateway, n);
            self.clinic.keep(
                method,
                stored.agreed,
                stored.default,
                1000 * BEGINNING + n as i64,
            );
        }
        if self.plan.credit > 0 {
            let transfer = self.transfer(FIRST_CREDIT.into(), self.plan.credit);
            let given = credit::Event::Given(transfer);
            self.clinic.credit_moves(self.ts(), &given);
            self.bill.credit = self.plan.credit;
        }
        let new = self.new_invoice();
        if !self.plan.deposit {
            self.say(|world| format!("An invoice of {} is issued.", world.plan.total));
            (self.bill.asked, self.bill.invoiced) = (self.plan.total, true);
            self.commit(&Event::Invoiced(Box::new(new)), "invoice")?;
            return Ok(());
        }
        let wanted = (self.plan.total + 1) / 2;
        self.say(|_| format!("A deposit of {wanted} is asked for."));
        self.bill.asked = wanted;
        let deposit = NewDeposit {
            of: new,
            amount: Some(self.eur(wanted)),
        };
        self.commit(&Event::DepositAsked(Box::new(deposit)), "booking")?;
        Ok(())
    }

    /// What is sold, and how it is collected as things stand.
    pub fn new_invoice(&self) -> NewInvoice {
        let methods = patients::in_order(self.clinic.methods.clone());
        let first = patients::charged_by_itself(&methods).cloned();
        let page = NewCharge {
            amount: None,
            gateway: self.name_of(self.plan.gateway).into(),
            method: None,
            keep_method: self.plan.save_method,
        };
        let charge = match (self.plan.collect, first) {
            (Collected::Later, _) => None,
            (Collected::Saved, Some(method)) => Some(NewCharge {
                gateway: method.gateway.clone(),
                method: Some(method),
                keep_method: false,
                ..page
            }),
            (Collected::Saved | Collected::Page, _) => Some(page),
        };
        NewInvoice {
            id: CASE.clone(),
            clinic: "demo".into(),
            number: "2026-1".into(),
            patient: Some(OWNER.patient.clone()),
            appointment: Some("a visit".into()),
            starts_at: None,
            label: None,
            currency: *EUR,
            lines: vec![Line {
                quantity: 1,
                unit: self.eur(self.plan.total),
                tax_rate: 0.into(),
                tax_included: true,
            }],
            policy: self.policy(),
            charge,
            dims: Default::default(),
        }
    }

    fn policy(&self) -> Policy {
        Policy {
            collect: match self.plan.collect {
                Collected::Saved => Collect::SavedMethod,
                Collected::Page => Collect::Checkout,
                Collected::Later => Collect::Later,
            },
            gateway: self.name_of(self.plan.gateway).into(),
            save_method: self.plan.save_method,
            retry_after_days: self.plan.retry_days.clone(),
            ..Policy::default()
        }
    }

    pub fn method(&self, gateway: usize, n: usize) -> Method {
        let name = self.name_of(gateway);
        Method {
            gateway: name.into(),
            customer: None,
            token: format!("{name}-kept{n}"),
            label: "Card ending 4242".into(),
        }
    }

    // ---- the agenda --------------------------------------------------------------------------

    /// Lets the next thing happen; `false` where nothing is left before `end`.
    fn next(&mut self, end: i64) -> Result<bool, Violation> {
        let agenda = self.agenda.first_key_value().map(|((at, _), _)| *at);
        let by_itself = self.gateways.iter().enumerate();
        let by_itself = by_itself
            .filter_map(|(n, g)| g.next_at().map(|at| (at, n)))
            .min();
        let row = self.next_row();
        let earliest = [
            agenda,
            by_itself.map(|(at, _)| at),
            row.as_ref().map(|(at, _)| *at),
        ];
        let Some(at) = earliest.into_iter().flatten().min().filter(|at| *at <= end) else {
            return Ok(false);
        };
        self.now = self.now.max(at);
        if by_itself.is_some_and(|(first, _)| first == at) {
            let n = by_itself.map_or(0, |(_, n)| n);
            let words = self.gateways[n].happen();
            if !words.is_empty() {
                self.say(|_| format!("At the gateway: {words}."));
            }
            self.spread(n);
        } else if agenda == Some(at) {
            if let Some((_, due)) = self.agenda.pop_first() {
                self.happens(due)?;
            }
        } else if let Some((_, id)) = row {
            self.work_off(&id)?;
        }
        Ok(true)
    }

    fn happens(&mut self, due: Due) -> Checked {
        match due {
            Due::Act(n) => {
                let act = self.plan.acts[n].1;
                self.act(act)
            }
            Due::Hook { n, gateway, say } => self.hear(n, gateway, &say),
            Due::Post(waiting) => self.post(*waiting),
            Due::Hear(flight, heard) => self.drive(*flight, heard),
        }
    }

    /// The row that is due first, and when a worker takes it: each minute again while it is due.
    fn next_row(&self) -> Option<(i64, String)> {
        let works = |task: &&Task| !matches!(task.work, Work::Person(_));
        let rows = self.clinic.tasks.values().filter(works);
        let at = |task: &Task| {
            let due = task.due.as_second();
            match self.handed.get(&task.id) {
                Some((at, before)) if *before == task.due => due.max(at + 60),
                _ => due,
            }
        };
        rows.map(|task| (at(task), task.id.clone())).min()
    }

    fn work_off(&mut self, id: &str) -> Checked {
        let Some(task) = self.clinic.tasks.get(id).cloned() else {
            return Ok(());
        };
        self.handed.insert(id.into(), (self.now, task.due));
        // Two workers read the same, whatever the first one writes meanwhile.
        let known = self.clinic.case.clone();
        let twice = std::mem::take(&mut self.two_workers);
        for _ in 0..if twice { 2 } else { 1 } {
            let target = match task.work {
                Work::Retry { payment } | Work::Pay { payment, .. } => Target {
                    payment,
                    refund: None,
                },
                Work::Settle {
                    payment, refund, ..
                } => Target { payment, refund },
                Work::Refund { refund } => {
                    let case = self.clinic.case.as_ref();
                    let Some((payment, _)) = case.and_then(|case| case.refund(refund)) else {
                        continue;
                    };
                    Target {
                        payment: payment.n,
                        refund: Some(refund),
                    }
                }
                Work::DeclineStands { payment } => {
                    let event = Event::DeclineStands { payment };
                    self.commit(&event, "schedule")?;
                    continue;
                }
                Work::Person(_) => continue,
            };
            let Some(case) = known.clone() else {
                return Ok(());
            };
            let job = Job::new(target);
            let flight = Flight {
                job,
                target,
                retries: matches!(task.work, Work::Retry { .. }),
                refused: false,
                case,
            };
            self.drive(flight, Heard::Due(task.work.clone()))?;
        }
        Ok(())
    }

    // ---- calls -------------------------------------------------------------------------------

    /// Does what the protocol asks for until it waits for a gateway, or is done.
    fn drive(&mut self, mut flight: Flight, mut heard: Heard) -> Checked {
        let name = flight
            .case
            .payment(flight.target.payment)
            .map(|p| p.gateway.clone());
        let gateway = self.index_of(&name.unwrap_or_default());
        let traits = self.traits(gateway);
        loop {
            self.seq += 1;
            let at = At {
                now: self.ts(),
                lease: LEASE,
                owner: format!("worker {}", self.seq),
                account: match self.now < self.swapped[gateway] && !self.resting {
                    true => "another".into(),
                    false => "the clinic's".into(),
                },
            };
            heard = match flight.job.step(traits, &flight.case, heard, &at) {
                Move::Prepare(step) => Heard::Prepared(self.prepare(&flight, gateway, step)),
                Move::Commit { event, cause } => {
                    let committed = self.commit(&event, &cause)?;
                    if let Some(case) = &self.clinic.case {
                        flight.case.clone_from(case);
                    }
                    Heard::Committed(match committed {
                        Committed::Changed { .. } => Recorded::Changed,
                        Committed::Contradiction(why) => Recorded::Contradiction(why),
                        _ => Recorded::Not,
                    })
                }
                Move::Send(intent) => return self.send(flight, gateway, &intent),
                Move::Find { step, age } => return self.find(flight, gateway, step, age),
                Move::LookUp(ask) => {
                    let (answer, wait) = self.look_up(gateway, &ask);
                    return self.later(flight, wait, answer.map(Heard::LookedUp));
                }
                Move::Done if flight.retries => return self.retry(flight.target.payment),
                Move::Done => return self.check_mend(flight.target, flight.refused),
            };
        }
    }

    /// The worker hears after a while, or died.
    fn later(&mut self, flight: Flight, wait: i64, heard: Option<Heard>) -> Checked {
        if let Some(heard) = heard {
            self.put(self.now + wait, Due::Hear(Box::new(flight), heard));
        }
        Ok(())
    }

    fn ask(&self, flight: &Flight, step: Step) -> Result<Ask, Trouble> {
        let lacking = || Trouble::Rejected("the payment lacks what this call needs".into());
        let ask = Ask::of(
            &flight.case,
            flight.target,
            step,
            &SETTINGS,
            "",
            &Back::default(),
            self.ts(),
        );
        ask.ok_or_else(lacking)
    }

    fn prepare(
        &self,
        flight: &Flight,
        gateway: usize,
        step: Step,
    ) -> Result<serde_json::Value, Trouble> {
        if let Some(intent) = flight.target.intent(&flight.case) {
            return Ok(intent.request.clone());
        }
        let ask = self.ask(flight, step)?;
        let adapter = adapters::ALL[gateway].1;
        match ask.build(adapter, &mut Talk::default(), &ACCOUNT) {
            Ok(request) => {
                serde_json::to_value(&request).map_err(|why| Trouble::Unreadable(why.to_string()))
            }
            Err(Pause::Trouble(trouble)) => Err(trouble),
            Err(Pause::Ask(_)) => Err(Trouble::Unreadable("it reads before it acts".into())),
        }
    }

    fn send(&mut self, mut flight: Flight, gateway: usize, intent: &Intent) -> Checked {
        let adapter = adapters::ALL[gateway].1;
        let Ok(ask) = self.ask(&flight, intent.step) else {
            let why = Trouble::Unreadable("a call that lacks what it needs".into());
            return self.later(flight, 1, Some(Heard::Answered(Err(why))));
        };
        let keyed = ask.key(adapter).is_some();
        let (answer, wait) = match ask {
            Ask::Checkout(_) => self.opens(gateway, &ask, keyed.then_some(&intent.key))?,
            _ => {
                let request = serde_json::from_value(intent.request.clone());
                let request: Request = request.map_err(|why| {
                    let words = format!("an intent that cannot be read: {why}");
                    Violation::new("an intent keeps its request", words)
                })?;
                let key = keyed.then(|| intent.key.clone());
                let (reply, wait) = self.call(gateway, &request, key)?;
                let read = |reply| ask.parse(adapter, &reply, &ACCOUNT).map(Outcome::Facts);
                (reply.map(|reply| reply.and_then(read)), wait)
            }
        };
        let heard = answer.map(Heard::Answered);
        if let Some(Heard::Answered(Err(trouble))) = &heard {
            let words = trouble.to_string();
            flight.refused = matches!(trouble, Trouble::Credentials(_));
            self.say(|_| format!("  heard: {words}"));
        }
        self.later(flight, wait, heard)
    }

    /// Opens a page by as many calls as it takes; `None` where the worker died over it.
    fn opens(
        &mut self,
        gateway: usize,
        ask: &Ask,
        key: Option<&String>,
    ) -> Result<(Option<Result<Outcome, Trouble>>, i64), Violation> {
        let (mut talk, mut waits) = (Talk::default(), 0);
        loop {
            let request = match ask.open(adapters::ALL[gateway].1, &mut talk, &ACCOUNT) {
                Ok(page) => return Ok((Some(Ok(Outcome::Page(page))), waits)),
                Err(Pause::Trouble(trouble)) => return Ok((Some(Err(trouble)), waits.max(1))),
                Err(Pause::Ask(request)) => request,
            };
            let key = key.map(|key| format!("{key}-{}", talk.calls() + 1));
            let (reply, wait) = self.call(gateway, &request, key)?;
            waits += wait;
            match reply {
                None => return Ok((None, waits)),
                Some(Err(trouble)) => return Ok((Some(Err(trouble)), waits)),
                Some(Ok(reply)) => talk.hear(*request, reply),
            }
        }
    }

    fn find(&mut self, flight: Flight, gateway: usize, step: Step, age: i64) -> Checked {
        let adapter = adapters::ALL[gateway].1;
        let (found, wait) = match self.ask(&flight, step) {
            Ok(ask) => self.looks(gateway, |talk| ask.find(adapter, talk, &ACCOUNT, age)),
            Err(trouble) => (Some(Err(trouble)), 1),
        };
        self.later(flight, wait, found.map(Heard::Found))
    }

    /// What the gateway says of a payment; `None` where the worker died over it.
    pub fn look_up(
        &mut self,
        gateway: usize,
        ask: &Lookup,
    ) -> (Option<Result<Vec<Fact>, Trouble>>, i64) {
        let Some(read) = adapters::ALL[gateway].1.lookup.yes() else {
            return (Some(Err(Trouble::Missing)), 1);
        };
        self.looks(gateway, |talk| Ok(read(ask, talk, &ACCOUNT)?.facts))
    }

    /// A conversation that changes nothing; `None` where the worker died over it.
    fn looks<Answer>(
        &mut self,
        gateway: usize,
        read: impl Fn(&mut Talk) -> Result<Answer, Pause>,
    ) -> (Option<Result<Answer, Trouble>>, i64) {
        let (mut talk, mut waits) = (Talk::default(), 1);
        loop {
            let request = match read(&mut talk) {
                Ok(answer) => return (Some(Ok(answer)), waits),
                Err(Pause::Trouble(trouble)) => return (Some(Err(trouble)), waits),
                Err(Pause::Ask(request)) => request,
            };
            let (reply, wait) = self.look(gateway, &request);
            waits += wait;
            match reply {
                None => return (None, 0),
                Some(Err(trouble)) => return (Some(Err(trouble)), waits),
                Some(Ok(reply)) => talk.hear(*request, reply),
            }
        }
    }

    /// A call that changes something, with the fault that is planned for it.
    fn call(
        &mut self,
        gateway: usize,
        request: &Request,
        key: Option<String>,
    ) -> Result<(Option<Result<Reply, Trouble>>, i64), Violation> {
        let planned = self.plan.calls.get(&self.calls).copied();
        self.calls += 1;
        let mut fault = planned.filter(|_| !self.resting);
        if self.now < self.out[gateway] && !self.resting {
            fault = Some(CallFault::LostBefore);
        }
        if let Some(fault) = fault {
            self.coverage.saw(call_fault(fault));
        }
        self.say(|world| {
            let fault = fault.map_or(String::new(), |fault| format!(" [{fault:?}]"));
            format!(
                "We call {} {}{fault}.",
                world.name_of(gateway),
                request.path
            )
        });
        use CallFault as F;
        let acts = match fault {
            None
            | Some(
                F::LostAfter | F::Garbled | F::Misstated | F::InFlight | F::DiesAfter | F::Slow,
            ) => true,
            Some(F::Status { acted, .. }) => acted,
            _ => false,
        };
        let answer = match acts {
            true => Some(self.arrives(gateway, request, key)?),
            false => None,
        };
        let refusal = match (fault, &answer) {
            (Some(F::Refused(_)), _) => true,
            (_, Some(answer)) => answer.is_refusal(),
            _ => false,
        };
        if let (true, Body::Json(body)) = (refusal, &request.body) {
            let reference = body["reference"].as_str();
            self.refused.extend(reference.map(String::from));
        }
        let reply = match fault {
            None | Some(F::Slow) => answer.map(|answer| Ok(reply(&answer))),
            Some(F::LostBefore | F::LostAfter) => Some(Err(Trouble::Unclear("no reply".into()))),
            Some(F::Status { status, .. }) => Some(Ok(reply(&Answer::foreign(status)))),
            Some(F::Misstated) => answer.map(|answer| Ok(reply(&answer.misstated()))),
            Some(F::Garbled) => Some(Ok(reply(&Answer::foreign(200)))),
            Some(F::Refused(code)) => Some(Ok(reply(&Answer::refused(code)))),
            Some(F::InFlight) => Some(Ok(reply(&Answer::refused(Code::InFlight)))),
            // As the transport tells it: nothing was sent.
            Some(F::NoConnection) => Some(Err(Trouble::later(5, "no connection"))),
            Some(F::Token(status)) => Some(Err(token_trouble(status))),
            Some(F::DiesBefore | F::DiesAfter) => None,
        };
        // Whether the vendor itself says so, the transport's caller judges.
        let vendor = adapters::ALL[gateway].1.vendor;
        let said = reply.map(|reply| reply.and_then(|reply| vendor.said(reply)));
        Ok((said, if fault == Some(F::Slow) { 25 } else { 1 }))
    }

    /// The call is at the gateway.
    fn arrives(
        &mut self,
        gateway: usize,
        request: &Request,
        key: Option<String>,
    ) -> Result<Answer, Violation> {
        let Body::Json(body) = &request.body else {
            return Ok(Answer::refused(Code::Unsupported));
        };
        let asked = Asked {
            method: request.method.clone(),
            path: request.path.clone(),
            body: serde_json::from_value(body.clone()).unwrap_or_default(),
            key,
        };
        if self.now < self.swapped[gateway] && !self.resting {
            self.coverage.saw("keys of another account");
            // There is no such object, and what is new is not allowed there.
            return Ok(Answer::refused(match asked.path.as_str() {
                "/pages" => Code::Forbidden,
                _ => Code::NotFound,
            }));
        }
        let (fate, refund) = self.fates();
        let answer = self.gateways[gateway].handle(self.now, &asked, fate, refund);
        self.say(|_| format!("  it answers {}", said(&answer)));
        self.spread(gateway);
        self.check_once()?;
        self.gateways[gateway].reused.clear();
        if matches!(asked.path.as_str(), "/pages" | "/payments") {
            self.check_ways()?;
        }
        Ok(answer)
    }

    pub fn fates(&self) -> (Fate, RefundFate) {
        let attempts = self
            .gateways
            .iter()
            .map(|g| g.payments.len())
            .sum::<usize>();
        let refunds = self.gateways.iter().map(|g| g.refunds.len()).sum::<usize>();
        let fate = self.plan.fates.get(&attempts).copied();
        let refund = self.plan.refund_fates.get(&refunds).copied();
        (
            fate.unwrap_or(Fate::Good),
            refund.unwrap_or(RefundFate::AtOnce),
        )
    }

    /// A call that only asks.
    fn look(&mut self, gateway: usize, request: &Request) -> (Option<Result<Reply, Trouble>>, i64) {
        let planned = self.plan.looks.get(&self.looks).copied();
        self.looks += 1;
        let mut fault = planned.filter(|_| !self.resting);
        if self.now < self.out[gateway] && !self.resting {
            fault = Some(LookFault::Lost);
        }
        if let Some(fault) = fault {
            self.coverage.saw(look_fault(fault));
        }
        let asked = Asked {
            method: "GET".into(),
            path: request.path.clone(),
            body: crate::wire::Order::default(),
            key: None,
        };
        let (fate, refund) = (Fate::Good, RefundFate::AtOnce);
        let answer = match fault {
            None if self.now < self.swapped[gateway] && !self.resting => {
                match request.path.starts_with("/search") {
                    true => Answer::says(vec![]),
                    false => Answer::refused(Code::NotFound),
                }
            }
            None => self.gateways[gateway].handle(self.now, &asked, fate, refund),
            Some(LookFault::WithoutPayment) => {
                let whole = self.gateways[gateway].handle(self.now, &asked, fate, refund);
                whole.without_payments()
            }
            Some(LookFault::Misstated) => {
                let true_ = self.gateways[gateway].handle(self.now, &asked, fate, refund);
                self.misstated = true;
                true_.misstated()
            }
            Some(LookFault::Lost) => Answer::foreign(504),
            Some(LookFault::Status(status)) => Answer::foreign(status),
            Some(LookFault::Garbled) => Answer::foreign(200),
            Some(LookFault::NotFound) => Answer::refused(Code::NotFound),
            Some(LookFault::Dies) => return (None, 0),
        };
        self.say(|world| {
            let name = world.name_of(gateway);
            format!("We ask {name} {}: {}", request.path, said(&answer))
        });
        let vendor = adapters::ALL[gateway].1.vendor;
        (Some(vendor.said(reply(&answer))), 1)
    }

    // ---- webhooks ----------------------------------------------------------------------------

    /// Sends out what a gateway has to tell.
    pub fn spread(&mut self, gateway: usize) {
        for mut say in std::mem::take(&mut self.gateways[gateway].news) {
            let planned = self.plan.hooks.get(&self.hooks).copied();
            let n = self.hooks;
            self.hooks += 1;
            let mut fault = planned.filter(|_| !self.resting);
            if self.now < self.deaf.max(self.out[gateway]) && !self.resting {
                fault = Some(HookFault::Lost);
            }
            if let Some(fault) = fault {
                self.coverage.saw(hook_fault(fault));
            }
            match fault {
                None => self.deliver(n, gateway, say, 3),
                Some(HookFault::Lost) => self.lost.push((n, gateway, say)),
                Some(HookFault::Late { seconds }) => self.deliver(n, gateway, say, seconds),
                Some(HookFault::Twice { seconds }) => {
                    self.deliver(n, gateway, say.clone(), 3);
                    self.deliver(n, gateway, say, seconds);
                }
                Some(HookFault::NoAmount) => {
                    say.amount = None;
                    self.deliver(n, gateway, say, 3);
                }
            }
        }
    }

    fn deliver(&mut self, n: usize, gateway: usize, say: Say, seconds: i64) {
        let say = Box::new(say);
        self.put(self.now + seconds, Due::Hook { n, gateway, say });
    }

    pub fn wait(&mut self, seconds: i64, waiting: Waiting) {
        self.put(self.now + seconds, Due::Post(Box::new(waiting)));
    }

    // ---- commits -----------------------------------------------------------------------------

    pub fn commit(&mut self, event: &Event, cause: &str) -> Result<Committed, Violation> {
        self.commit_with(event, None, cause)
    }

    /// The same with what it does to the patient's credit.
    pub fn commit_with(
        &mut self,
        event: &Event,
        of_credit: Option<&credit::Event>,
        cause: &str,
    ) -> Result<Committed, Violation> {
        let committed = self.clinic.commit(self.ts(), event, of_credit, cause)?;
        let Committed::Changed { before, told } = &committed else {
            return Ok(committed);
        };
        self.say(|world| {
            let what = world.clinic.entries.last().map_or("", |entry| &entry.what);
            format!("  written: {what} ({})", stands(world.clinic.case.as_ref()))
        });
        self.note_edges(before.as_deref());
        if let Some(case) = &self.clinic.case {
            self.most_surplus = self.most_surplus.max(case.paid().minor - self.bill.asked);
            for session in case.payments.iter().filter_map(|p| p.session.as_ref()) {
                if !self.shown.contains(&session.id) {
                    self.shown.insert(session.id.clone());
                }
            }
        }
        self.check_change(before.as_deref())?;
        Self::check_origin(event, told)?;
        for delivery in told {
            self.check_told(delivery)?;
            self.check_patience(delivery)?;
        }
        Ok(committed)
    }

    /// Which edges of the state tables were taken.
    fn note_edges(&mut self, before: Option<&Case>) {
        let Some(case) = self.clinic.case.as_ref() else {
            return;
        };
        for payment in &case.payments {
            let was = before.and_then(|case| case.payment(payment.n));
            let from = was.map_or(meridian::domain::payment::State::Open, |was| was.state);
            if from != payment.state {
                self.coverage
                    .saw(format!("payment {from:?} → {:?}", payment.state));
            }
            for refund in &payment.refunds {
                let key = refund.key();
                let known = was.and_then(|was| was.refunds.iter().find(|r| r.key() == key));
                if let Some(known) = known.filter(|known| known.state != refund.state) {
                    let (from, to) = (known.state, refund.state);
                    self.coverage.saw(format!("refund {from:?} → {to:?}"));
                }
            }
            for dispute in &payment.disputes {
                let known = was.and_then(|was| was.disputes.iter().find(|d| d.id == dispute.id));
                let from = known.map(|known| known.state);
                if from != Some(dispute.state) {
                    self.coverage
                        .saw(format!("dispute {from:?} → {:?}", dispute.state));
                }
            }
        }
    }

    pub fn covers(&mut self, act: Act) {
        let name = format!("{act:?}");
        let end = name.find([' ', '(']).unwrap_or(name.len());
        self.coverage.saw(format!("act {}", &name[..end]));
    }
}

fn reply(answer: &Answer) -> Reply {
    Reply {
        status: answer.status,
        headers: vec![],
        body: answer.bytes(),
    }
}

/// What the answer to a token call means for the call that waited for it.
fn token_trouble(status: u16) -> Trouble {
    let granted = accounts::granted(Ok(reply(&Answer::foreign(status))), Granted::usual);
    granted.err().unwrap_or_else(|| Trouble::busy(30))
}

fn said(answer: &Answer) -> String {
    match &answer.body {
        crate::wire::Body::Foreign => format!("{} with a foreign page", answer.status),
        crate::wire::Body::Own(told) => {
            let says = told.says.iter().map(|s| {
                let id = s
                    .refund
                    .as_ref()
                    .or(s.dispute.as_ref())
                    .or(s.payment.as_ref());
                format!(
                    "{:?} {}",
                    s.what,
                    id.or(s.page.as_ref()).map_or("", |id| id)
                )
            });
            let page = told.page.iter().map(|page| format!("page {}", page.id));
            let error = told.error.iter().map(|error| format!("{:?}", error.code));
            let all: Vec<_> = says.chain(page).chain(error).collect();
            format!("{} {}", answer.status, all.join(", "))
        }
    }
}

/// The case in a line.
fn stands(case: Option<&Case>) -> String {
    let Some(case) = case else {
        return String::new();
    };
    let payment = |p: &meridian::domain::case::Payment| {
        let refunds: Vec<_> = p
            .refunds
            .iter()
            .map(|r| format!(" {} {:?}", r.key(), r.state))
            .collect();
        let intent = if p.intent.is_some() { " called" } else { "" };
        let page = if p.open_page().is_some() { " page" } else { "" };
        format!("p{} {:?}{intent}{page}{}", p.n, p.state, refunds.concat())
    };
    let all: Vec<_> = case.payments.iter().map(payment).collect();
    format!("due {}; {}", case.due().minor, all.join(", "))
}

pub fn call_fault(fault: CallFault) -> String {
    let name = match fault {
        CallFault::Status {
            status,
            acted: true,
        } => format!("acted and answered {status}"),
        CallFault::Status { status, .. } => format!("answered {status}"),
        other => format!("{other:?}"),
    };
    format!("call {name}")
}

pub fn look_fault(fault: LookFault) -> String {
    format!("look {fault:?}")
}

pub fn hook_fault(fault: HookFault) -> String {
    let name = match fault {
        HookFault::Lost => "lost",
        HookFault::Late { .. } => "late",
        HookFault::Twice { .. } => "twice",
        HookFault::NoAmount => "without an amount",
    };
    format!("webhook {name}")
}

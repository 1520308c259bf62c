//! A history before it happens, as data: how the world begins, who does what when, which call,
//! look-up and webhook meets which fault. A seed makes one; shrinking takes pieces out of it.

use crate::adapters;
use crate::gateway::{DAY, Fate, HOUR, Kind, MINUTE, RefundFate};
use crate::wire::Code;
use fastrand::Rng;
use std::collections::BTreeMap;

#[derive(Clone, Debug)]
pub struct Plan {
    pub total: i64,
    /// Whether money is wanted before the session, and nothing is invoiced until somebody says so.
    pub deposit: bool,
    /// What the patient has from another case.
    pub credit: i64,
    pub collect: Collected,
    /// Where a page opens when nobody says.
    pub gateway: usize,
    pub save_method: bool,
    pub retry_days: Vec<u32>,
    /// Kept methods that the patient begins with, oldest first.
    pub methods: Vec<Stored>,
    /// Seconds after the beginning, in order.
    pub acts: Vec<(i64, Act)>,
    /// By the number of the attempt to pay, over all gateways.
    pub fates: BTreeMap<usize, Fate>,
    pub refund_fates: BTreeMap<usize, RefundFate>,
    /// By the number of the call that changes something.
    pub calls: BTreeMap<usize, CallFault>,
    /// By the number of the call that only asks.
    pub looks: BTreeMap<usize, LookFault>,
    /// By the number of the webhook.
    pub hooks: BTreeMap<usize, HookFault>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Collected {
    Saved,
    Page,
    Later,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    pub gateway: usize,
    /// Whether the patient agreed that it is charged later.
    pub agreed: bool,
    pub default: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Staff collect what is due, or half of it.
    Charge {
        way: Way,
        half: bool,
    },
    /// Staff close a payment. Numbers wrap around what there is.
    Close {
        payment: usize,
    },
    /// Staff look in the gateway's dashboard and record what they find.
    Resolve {
        payment: usize,
        second: bool,
    },
    ResolveRefund {
        refund: usize,
        second: bool,
    },
    Refund {
        half: bool,
        waits: bool,
        of: Option<usize>,
    },
    Judge {
        approve: bool,
    },
    /// The patient goes to one of the pages that were ever opened, in whatever tab.
    Visit {
        page: usize,
    },
    Store(Stored),
    Remove {
        method: usize,
    },
    /// A kept method ends at its gateway, which tells or does not.
    Dies {
        method: usize,
        told: bool,
    },
    /// Somebody writes our reference on a payment of his own.
    Stranger {
        payment: usize,
        how: Foreign,
    },
    DashboardRefund {
        half: bool,
    },
    /// A bank disputes a payment; what it comes to, and whether that is turned later.
    Dispute {
        half: bool,
        won: bool,
        turns: bool,
        /// Whether it takes less than it held, where it is lost.
        lesser: bool,
    },
    /// A bank takes money back by itself, and gives it back after a while, so many times.
    Reversal {
        half: bool,
        times: u8,
    },
    /// Keys of another account are in place for a while.
    Swap {
        gateway: usize,
        seconds: i64,
    },
    /// Nothing reaches the gateway for a while, and nothing comes from it.
    Outage {
        gateway: usize,
        seconds: i64,
    },
    /// No webhook arrives for a while.
    Deaf {
        seconds: i64,
    },
    /// The row that is due first is handed to two workers at once.
    TwoWorkers,
    /// The session took place: what came as a deposit becomes a part of its invoice.
    Invoice,
    /// Cash is taken, or the patient's credit used: what is due, or half of it.
    Tender {
        half: bool,
        credit: bool,
    },
    /// A tender was recorded in error.
    Reverse {
        tender: usize,
    },
    /// Cash goes back by hand, or what came becomes the patient's credit.
    GiveBack {
        half: bool,
        credit: bool,
    },
    /// The patient's credit is handed out in cash, half of it or all.
    PayOut {
        half: bool,
    },
    /// A credit note over half of the invoice, or all of it.
    Lower {
        half: bool,
    },
    Void,
    /// The visit that is billed does not take place.
    CallOff {
        no_show: bool,
    },
    /// It takes place after all, or at another time.
    Restore {
        moved: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Page { gateway: usize },
    Kept { method: usize },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Foreign {
    SameAmount,
    OtherAmount,
    OtherCurrency,
    /// His try fails, or takes days.
    Fails,
    Slow,
    /// The gateway's API does not know the payment that the webhook names, with our amount or none.
    UnknownThere,
    NamesOurAmount,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CallFault {
    /// The request never arrived, and nobody says so.
    LostBefore,
    /// It acted, and the reply was lost.
    LostAfter,
    /// Something in between answers with this status; `acted` says whether the call passed it.
    Status {
        status: u16,
        acted: bool,
    },
    /// It acted, and its reply cannot be read.
    Garbled,
    /// It acted, and its reply names another amount.
    Misstated,
    /// The gateway refuses this call, in its own words, and does nothing.
    Refused(Code),
    /// It acts, and says that the first call under this key is still running.
    InFlight,
    /// No connection: nothing was sent.
    NoConnection,
    /// The token call before it is answered so, and nothing is sent.
    Token(u16),
    /// The process ends before it sends, or before it hears.
    DiesBefore,
    DiesAfter,
    /// The reply takes so long that webhooks come first.
    Slow,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LookFault {
    Lost,
    Status(u16),
    Garbled,
    /// The gateway's own "not found", though it is there.
    NotFound,
    /// Refunds and disputes, without the payment that they are of.
    WithoutPayment,
    /// The payment with another amount.
    Misstated,
    Dies,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HookFault {
    Lost,
    Late { seconds: i64 },
    Twice { seconds: i64 },
    NoAmount,
}

pub const REFUSALS: [Code; 8] = [
    Code::NotFound,
    Code::AlreadyRefunded,
    Code::AmountExceeded,
    Code::Balance,
    Code::BadKey,
    Code::Forbidden,
    Code::TooMany,
    Code::Unsupported,
];
pub const STATUSES: [u16; 8] = [408, 425, 499, 302, 400, 422, 500, 503];
pub const TOKENS: [u16; 5] = [404, 408, 422, 401, 503];

fn of<T: Copy>(rng: &mut Rng, all: &[T]) -> T {
    all[rng.usize(..all.len())]
}

/// How long people and gateways take, from a second to weeks.
fn pause(rng: &mut Rng) -> i64 {
    let long = [
        2,
        20,
        90,
        10 * MINUTE,
        40 * MINUTE,
        2 * HOUR,
        8 * HOUR,
        DAY,
        2 * DAY,
        4 * DAY,
    ];
    of(rng, &long) + rng.i64(0..30)
}

impl Plan {
    pub fn new(seed: u64, gateways: usize) -> Self {
        let rng = &mut Rng::with_seed(seed);
        // Most of a history plays at one gateway; a second one is there to change to.
        let home = rng.usize(..gateways);
        let other = rng.usize(..gateways);
        let at = |rng: &mut Rng| if rng.u8(..4) == 0 { other } else { home };
        let stored = |rng: &mut Rng| {
            let gateway = if rng.u8(..4) == 0 { other } else { home };
            stored(rng, gateway)
        };
        let mut plan = Self {
            total: of(rng, &[7100, 10_000, 6600, 1]),
            deposit: rng.u8(..6) == 0,
            credit: of(rng, &[0, 0, 5000]),
            collect: of(rng, &[Collected::Saved, Collected::Page, Collected::Later]),
            gateway: at(rng),
            save_method: rng.bool(),
            retry_days: match rng.u8(..4) {
                0 => vec![],
                1 => vec![1],
                _ => vec![3, 5, 7],
            },
            methods: (0..rng.usize(..3)).map(|_| stored(rng)).collect(),
            acts: vec![],
            fates: BTreeMap::new(),
            refund_fates: BTreeMap::new(),
            calls: BTreeMap::new(),
            looks: BTreeMap::new(),
            hooks: BTreeMap::new(),
        };
        let mut time = 0;
        for _ in 0..rng.usize(3..10) {
            time += pause(rng);
            let act = plan.act(rng, home, other);
            plan.acts.push((time, act));
        }
        plan.takes_place(rng);
        for n in 0..8 {
            if rng.u8(..3) == 0 {
                plan.fates.insert(n, fate(rng));
            }
            if rng.u8(..3) == 0 {
                plan.refund_fates.insert(n, refund_fate(rng));
            }
        }
        // Some histories are calm, some are not.
        let often = of(rng, &[0, 1, 2, 4]);
        for n in 0..16 {
            if rng.u8(..8) < often {
                plan.calls.insert(n, call_fault(rng));
                // An outage that lasts: the calls after it meet the same.
                if rng.u8(..4) == 0 {
                    for later in n + 1..n + rng.usize(2..12) {
                        plan.calls.insert(later, CallFault::LostBefore);
                    }
                }
            }
            if rng.u8(..8) < often {
                plan.looks.insert(n, look_fault(rng));
            }
            if rng.u8(..6) < often {
                plan.hooks.insert(n, hook_fault(rng));
            }
        }
        if rng.u8(..40) == 0 {
            plan.silent_week(rng.bool());
        }
        plan
    }

    /// Most sessions for which a deposit was asked take place.
    fn takes_place(&mut self, rng: &mut Rng) {
        if self.deposit && rng.u8(..4) != 0 {
            let at = rng.usize(..=self.acts.len());
            let time = at.checked_sub(1).map_or(0, |before| self.acts[before].0);
            self.acts.insert(at, (time + 1, Act::Invoice));
        }
    }

    /// Money that comes and goes back while nothing is heard of its gateway.
    fn silent_week(&mut self, on_page: bool) {
        let late = |(kind, _): &(&Kind, _)| kind.late && !kind.approves;
        let gateway = adapters::ALL.iter().position(late).unwrap_or_default();
        let seconds = 9 * DAY;
        self.acts.insert(0, (3, Act::Outage { gateway, seconds }));
        self.acts.insert(0, (2, Act::Visit { page: 0 }));
        self.fates.insert(0, Fate::ComesBack);
        self.gateway = gateway;
        if on_page {
            self.collect = Collected::Page;
            self.calls.clear();
        } else {
            self.collect = Collected::Saved;
            self.methods = vec![Stored {
                gateway,
                agreed: true,
                default: true,
            }];
            self.calls.insert(0, CallFault::LostAfter);
        }
    }

    fn act(&self, rng: &mut Rng, home: usize, other: usize) -> Act {
        let gateway = if rng.u8(..3) == 0 { other } else { home };
        match rng.u8(..54) {
            0..=5 => charge(rng, gateway),
            6..=14 => Act::Visit {
                page: rng.usize(..4),
            },
            15..=17 => Act::Close {
                payment: rng.usize(..3),
            },
            18..=20 => Act::Resolve {
                payment: rng.usize(..3),
                second: rng.u8(..3) != 0,
            },
            21..=22 => Act::ResolveRefund {
                refund: rng.usize(..3),
                second: rng.u8(..3) != 0,
            },
            23..=26 => Act::Refund {
                half: rng.bool(),
                waits: rng.u8(..4) == 0,
                of: (rng.u8(..4) == 0).then(|| rng.usize(..3)),
            },
            27 => Act::Judge {
                approve: rng.u8(..3) != 0,
            },
            28..=29 => Act::Store(stored(rng, gateway)),
            30 => method_ends(rng),
            31..=32 => stranger(rng),
            33 => Act::DashboardRefund { half: rng.bool() },
            34..=35 => Act::Dispute {
                half: rng.bool(),
                won: rng.bool(),
                turns: rng.u8(..3) == 0,
                lesser: rng.u8(..3) == 0,
            },
            40..=41 => Act::Reversal {
                half: rng.u8(..3) != 0,
                times: rng.u8(..3),
            },
            // For longer than a page is asked for, it looks like one that its gateway forgot.
            36 => Act::Swap {
                gateway,
                seconds: pause(rng).min(3 * DAY),
            },
            37 => Act::Outage {
                gateway,
                seconds: match rng.u8(..3) {
                    0 => 9 * DAY,
                    _ => pause(rng),
                },
            },
            38 => Act::Deaf {
                seconds: pause(rng),
            },
            42..=53 => at_the_desk(rng),
            _ => Act::TwoWorkers,
        }
    }

    /// Every plan with one piece less, the largest pieces first.
    pub fn smaller(&self) -> Vec<Self> {
        let mut all = vec![];
        let mut less = |change: &dyn Fn(&mut Self)| {
            let mut plan = self.clone();
            change(&mut plan);
            all.push(plan);
        };
        for n in 0..self.acts.len() {
            less(&|plan| _ = plan.acts.remove(n));
        }
        for n in 0..self.methods.len() {
            less(&|plan| _ = plan.methods.remove(n));
        }
        for n in self.calls.keys() {
            less(&|plan| _ = plan.calls.remove(n));
        }
        for n in self.looks.keys() {
            less(&|plan| _ = plan.looks.remove(n));
        }
        for n in self.hooks.keys() {
            less(&|plan| _ = plan.hooks.remove(n));
        }
        for n in self.fates.keys() {
            less(&|plan| _ = plan.fates.remove(n));
        }
        for n in self.refund_fates.keys() {
            less(&|plan| _ = plan.refund_fates.remove(n));
        }
        if !self.retry_days.is_empty() {
            less(&|plan| plan.retry_days.clear());
        }
        if self.deposit {
            less(&|plan| plan.deposit = false);
        }
        if self.credit > 0 {
            less(&|plan| plan.credit = 0);
        }
        if self.save_method {
            less(&|plan| plan.save_method = false);
        }
        all
    }
}

fn charge(rng: &mut Rng, gateway: usize) -> Act {
    Act::Charge {
        way: match rng.bool() {
            true => Way::Page { gateway },
            false => Way::Kept {
                method: rng.usize(..3),
            },
        },
        half: rng.u8(..6) == 0,
    }
}

/// What people do about the bill, and the visit, without a gateway.
fn at_the_desk(rng: &mut Rng) -> Act {
    match rng.u8(..13) {
        0..=2 => Act::Tender {
            half: rng.bool(),
            credit: rng.bool(),
        },
        3 => Act::Reverse {
            tender: rng.usize(..2),
        },
        4..=6 => Act::GiveBack {
            half: rng.bool(),
            credit: rng.bool(),
        },
        7..=8 => Act::Lower {
            half: rng.u8(..3) != 0,
        },
        9 => Act::Void,
        10 => Act::CallOff {
            no_show: rng.bool(),
        },
        11 => Act::PayOut { half: rng.bool() },
        _ => Act::Restore { moved: rng.bool() },
    }
}

/// A kept method that is taken away, or stops working.
fn method_ends(rng: &mut Rng) -> Act {
    match rng.bool() {
        true => Act::Remove {
            method: rng.usize(..3),
        },
        false => Act::Dies {
            method: rng.usize(..3),
            told: rng.bool(),
        },
    }
}

fn stranger(rng: &mut Rng) -> Act {
    Act::Stranger {
        payment: rng.usize(..2),
        how: of(
            rng,
            &[
                Foreign::SameAmount,
                Foreign::OtherAmount,
                Foreign::OtherCurrency,
                Foreign::Fails,
                Foreign::Slow,
                Foreign::UnknownThere,
                Foreign::NamesOurAmount,
            ],
        ),
    }
}

/// A method is chosen only where the patient agreed to later charges.
fn stored(rng: &mut Rng, gateway: usize) -> Stored {
    let agreed = rng.u8(..4) != 0;
    Stored {
        gateway,
        agreed,
        default: agreed && rng.bool(),
    }
}

fn fate(rng: &mut Rng) -> Fate {
    of(
        rng,
        &[
            Fate::NoFunds,
            Fate::NoFunds,
            Fate::Dead,
            Fate::Part,
            Fate::Slow,
            Fate::FailsSlowly,
            Fate::ComesBack,
            Fate::CollectedAgain,
            Fate::FailsThenClears,
            Fate::FailsClearsComesBack,
        ],
    )
}

fn refund_fate(rng: &mut Rng) -> RefundFate {
    of(
        rng,
        &[
            RefundFate::Slow,
            RefundFate::FailsSlowly,
            RefundFate::Bounces,
        ],
    )
}

fn call_fault(rng: &mut Rng) -> CallFault {
    match rng.u8(..15) {
        14 => CallFault::Misstated,
        0 => CallFault::LostBefore,
        1..=3 => CallFault::LostAfter,
        4 => CallFault::Status {
            status: of(rng, &STATUSES),
            acted: true,
        },
        5 => CallFault::Status {
            status: of(rng, &STATUSES),
            acted: false,
        },
        6 => CallFault::Garbled,
        7..=8 => CallFault::Refused(of(rng, &REFUSALS)),
        9 => CallFault::InFlight,
        10 => CallFault::Token(of(rng, &TOKENS)),
        11 => match rng.bool() {
            true => CallFault::DiesBefore,
            false => CallFault::DiesAfter,
        },
        12 => CallFault::NoConnection,
        _ => CallFault::Slow,
    }
}

fn look_fault(rng: &mut Rng) -> LookFault {
    match rng.u8(..8) {
        7 => LookFault::Misstated,
        6 => LookFault::WithoutPayment,
        0 => LookFault::Lost,
        1..=2 => LookFault::Status(of(rng, &STATUSES)),
        3 => LookFault::Garbled,
        4 => LookFault::NotFound,
        _ => LookFault::Dies,
    }
}

fn hook_fault(rng: &mut Rng) -> HookFault {
    match rng.u8(..5) {
        0..=1 => HookFault::Lost,
        2 => HookFault::Late {
            seconds: pause(rng),
        },
        3 => HookFault::Twice {
            seconds: pause(rng),
        },
        _ => HookFault::NoAmount,
    }
}

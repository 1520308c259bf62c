//! What is written of what was heard.

use super::*;

/// What is refused under the same key again is repeated at least once in so many seconds.
pub(super) const RAREST: i64 = 86_400;

impl Job {
    /// The last commit of a job.
    pub(super) fn record(&mut self, event: Event, cause: String) -> Move {
        self.doing = Doing::Recording;
        commit(event, cause)
    }

    /// The lease of a call ran out, or its reply says nothing.
    pub(super) fn lost(&mut self, cause: String) -> Move {
        let Target { payment, refund } = self.target;
        self.record(Event::ReplyLost { payment, refund }, cause)
    }

    /// Nothing was done; it is tried again.
    pub(super) fn not_done(&self, trouble: &Trouble, who: &str, at: &At) -> Event {
        let (seconds, note) = match trouble {
            Trouble::Later { seconds, .. } => ((*seconds).clamp(1, 3600), None),
            other => (BLOCKED, Some(format!("{who}: {other}."))),
        };
        self.again(time::after(at.now, seconds), false, note)
    }

    /// What became of the first call stays unknown: it is repeated the more rarely, the longer that
    /// is so.
    pub(super) fn refused_again(
        &self,
        case: &Case,
        trouble: &Trouble,
        who: &str,
        at: &At,
    ) -> Event {
        let since = self.target.intent(case).map_or(at.now, |i| i.first_sent_at);
        let age = at.now.as_second() - since.as_second();
        let seconds = age.clamp(BLOCKED, RAREST);
        let note = Some(format!("{who}: {trouble}."));
        self.again(time::after(at.now, seconds), false, note)
    }

    pub(super) fn again(&self, retry_at: Timestamp, never: bool, note: Option<String>) -> Event {
        let Target { payment, refund } = self.target;
        Event::NotDone(NotDone {
            payment,
            refund,
            retry_at,
            never,
            note,
        })
    }

    /// For how many seconds it has waited for a gateway that does not take it.
    pub(super) fn waited(&self, case: &Case, at: &At) -> i64 {
        let id = task_id(self.target.payment, self.target.refund);
        let since = case.waiting.get(&id).copied().unwrap_or(at.now);
        at.now.as_second() - since.as_second()
    }

    /// What our own call, or the look-up of it, was answered. It need not repeat the reference.
    pub(super) fn reply(&self, traits: &Traits, case: &Case, facts: Vec<Fact>) -> Event {
        reported(traits, facts, &self.target.reference(case), true)
    }

    /// What was looked up of the payment as a whole.
    pub(super) fn looked_up(&self, traits: &Traits, case: &Case, mut facts: Vec<Fact>) -> Event {
        self.target.lookup(case).own(&mut facts);
        let reference = ids::payment_reference(&case.id, self.target.payment);
        reported(traits, facts, &reference, false)
    }

    /// What the gateway says cannot be true: people are told. A call that was answered so is asked
    /// about again, ever more rarely.
    pub(super) fn contradicted(
        &mut self,
        traits: &Traits,
        case: &Case,
        doing: Doing,
        note: String,
    ) -> Move {
        let Target { payment, refund } = self.target;
        let intent = self.target.intent(case);
        let about_page = intent.is_some_and(|intent| intent.step.is_about_page());
        let (call, apart) = match &doing {
            Doing::Closed => (!about_page, about_page),
            Doing::Recording
            | Doing::Learned {
                then: Then::Again { .. },
            } => (true, false),
            Doing::Learned { .. } => (false, true),
            _ => (false, false),
        };
        // What is written next would end a task that waits for this payment's gateway.
        let event = match apart {
            true => self::apart(traits, note),
            false => Event::Contradicted {
                payment,
                refund,
                call,
                note,
            },
        };
        self.doing = if call { Doing::Recording } else { doing };
        commit(event, format!("{} contradicts itself", traits.id))
    }
}

/// Facts that we asked for ourselves: what is true now.
fn reported(traits: &Traits, mut facts: Vec<Fact>, reference: &str, answer: bool) -> Event {
    for fact in &mut facts {
        fact.reference.get_or_insert_with(|| reference.into());
    }
    Event::Reported(Report {
        gateway: traits.id.clone(),
        facts,
        current: true,
        answer,
        late_failures: traits.late_failures,
        page_stays: traits.page_stays,
    })
}

/// A person's task that nothing ends by itself.
fn apart(traits: &Traits, note: String) -> Event {
    let id = format!("contradiction-{}", &ids::derived(&[&note])[..10]);
    let matter = Matter::of(Alert::Contradiction).vendor(&traits.id);
    let matter = matter.words(note);
    Event::Person { id, matter }
}

pub(super) fn commit(event: Event, cause: String) -> Move {
    Move::Commit { event, cause }
}

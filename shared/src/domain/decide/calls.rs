//! Our own calls at a gateway: a lease taken, a reply lost, a try that was put off, a page opened.

use super::*;

impl Draft<'_> {
    pub(super) fn calling_payment(&mut self, n: u32, intent: &Intent) -> Applied {
        let now = self.ctx.now;
        let next = self.case.next_step(n);
        let payment = self.payment(n)?;
        let (first_sent_at, event) = match &payment.intent {
            Some(old) if old.is_leased(now) => return Err(Verdict::Refused(Refusal::Busy)),
            // Only a repeat under the very same key may follow a call that was sent.
            Some(old) if old.key != intent.key || old.step != intent.step => {
                return Err(Verdict::Refused(Refusal::Busy));
            }
            // The call before ran out of its lease: it may have acted.
            Some(old) => (old.first_sent_at, payment::Event::ReplyLost),
            None if next != Some(intent.step) => return Err(Verdict::Nothing),
            None => (intent.first_sent_at, payment::Event::Submitted),
        };
        if !intent.step.is_about_page() {
            let to = payment::next(payment.state, event).unwrap_or(payment.state);
            payment.state = Some(to)
                .filter(|s| s.is_under_way())
                .ok_or(Verdict::Nothing)?;
        }
        payment.intent = Some(Intent {
            first_sent_at,
            ..intent.clone()
        });
        let work = Work::Pay {
            payment: n,
            step: intent.step,
        };
        let work = match payment.state {
            State::Unknown => Work::Settle {
                payment: n,
                refund: None,
                tries: 1,
            },
            _ => work,
        };
        let due = intent.lease_until;
        self.what = "calling_gateway";
        self.tasks.push(Task {
            id: task_id(n, None),
            work,
            due,
        });
        Ok(())
    }

    pub(super) fn calling_refund(&mut self, payment: u32, n: u32, intent: &Intent) -> Applied {
        let now = self.ctx.now;
        let refund = self.our_refund(payment, n)?;
        let (first_sent_at, event) = match &refund.intent {
            Some(old) if old.is_leased(now) => return Err(Verdict::Refused(Refusal::Busy)),
            Some(old) if old.key != intent.key => return Err(Verdict::Refused(Refusal::Busy)),
            // The call before ran out of its lease: it may have acted.
            Some(old) => (old.first_sent_at, refund::Event::ReplyLost),
            None if refund.state != refund::State::Requested => return Err(Verdict::Nothing),
            None => (intent.first_sent_at, refund::Event::Calling),
        };
        if refund.state.is_final() {
            return Err(Verdict::Nothing);
        }
        let sent_before = event == refund::Event::ReplyLost;
        if !sent_before && self.payment(payment)?.unreserved().minor < 0 {
            return self.needless_refund(payment, n);
        }
        let refund = self.our_refund(payment, n)?;
        refund.state = refund::next(refund.state, event).unwrap_or(refund.state);
        refund.intent = Some(Intent {
            first_sent_at,
            ..intent.clone()
        });
        let work = match refund.state {
            refund::State::Unknown => Work::Settle {
                payment,
                refund: Some(n),
                tries: 1,
            },
            _ => Work::Refund { refund: n },
        };
        self.what = "calling_gateway";
        self.tasks.push(Task {
            id: task_id(payment, Some(n)),
            work,
            due: intent.lease_until,
        });
        Ok(())
    }

    /// The money went back by itself before this refund was sent: sending it would pay twice.
    pub(super) fn needless_refund(&mut self, payment: u32, n: u32) -> Applied {
        self.what = "refund_failed";
        let refund = self.our_refund(payment, n)?;
        refund.state = refund::State::Failed;
        let key = refund.key();
        self.done.push(task_id(payment, Some(n)));
        self.unblocked(payment, Some(n));
        self.tell(Topic::RefundFailed, Some(payment), Some(key.clone()));
        let words = "The payment was taken back before this refund was sent. It was not sent: the \
                     patient has the money already, or a dispute holds it.";
        let matter = Matter::of(Alert::RefundFailed)
            .payment(payment)
            .refund(Some(n));
        self.person(&format!("refund-failed-{key}"), matter.words(words));
        Ok(())
    }

    pub(super) fn reply_lost(&mut self, payment: u32, refund: Option<u32>) -> Applied {
        self.what = "reply_lost";
        let now = self.ctx.now;
        self.alert_if_stalled(payment, refund)?;
        match refund {
            None => {
                let paying = self.payment(payment)?;
                if !paying.may_bring() || paying.intent.is_none() {
                    return Err(Verdict::Nothing);
                }
                // A page that nobody was sent to is simply opened again under its key, and one
                // that is to end is ended again.
                let step = paying.intent.as_ref().map(|i| i.step);
                let wait = paying
                    .intent
                    .as_mut()
                    .map_or(5, |intent| intent.release(now));
                let work = match step {
                    Some(step) if step.is_about_page() => Work::Pay { payment, step },
                    _ => {
                        paying.state = payment::next(paying.state, payment::Event::ReplyLost)
                            .unwrap_or(paying.state);
                        Work::Settle {
                            payment,
                            refund: None,
                            tries: 0,
                        }
                    }
                };
                self.schedule(payment, None, work, wait);
            }
            Some(n) => {
                let refund = self.our_refund(payment, n)?;
                if refund.state.is_final() || refund.intent.is_none() {
                    return Err(Verdict::Nothing);
                }
                let wait = refund
                    .intent
                    .as_mut()
                    .map_or(5, |intent| intent.release(now));
                refund.state =
                    refund::next(refund.state, refund::Event::ReplyLost).unwrap_or(refund.state);
                let work = Work::Settle {
                    payment,
                    refund: Some(n),
                    tries: 0,
                };
                self.schedule(payment, Some(n), work, wait);
            }
        }
        Ok(())
    }

    /// A look told nothing new: people hear where only they can mend that, or know more.
    pub(super) fn still_unknown(
        &mut self,
        payment: u32,
        refund: Option<u32>,
        looked: &Looked,
    ) -> Applied {
        if !self.only_asking_helps(payment, refund)? {
            return Err(Verdict::Nothing);
        }
        self.what = "still_unknown";
        let id = task_id(payment, refund);
        let called = match refund {
            None => self.payment(payment)?.intent.is_some(),
            Some(n) => self.our_refund(payment, n)?.intent.is_some(),
        };
        let blocked = Matter::of(Alert::Blocked).payment(payment).refund(refund);
        match looked {
            Looked::Blocked(words) => self.waits(&id, blocked.words(words), true),
            Looked::Refused(words) => self.waits(&id, blocked.words(words), false),
            Looked::Person => self.ask_people(payment, refund),
            // The gateway answers again.
            Looked::Nothing if !called => self.waits_no_more(&id),
            Looked::Nothing | Looked::Silent => self.alert_if_stalled(payment, refund)?,
        }
        Ok(())
    }

    /// Looking may never tell what became of it: people are asked once.
    fn ask_people(&mut self, payment: u32, refund: Option<u32>) {
        let id = task_id(payment, refund);
        if self.case.asked.insert(id.clone()) {
            // One question about it is enough.
            self.unblocked(payment, refund);
            let matter = Matter::of(Alert::UnknownOutcome);
            self.person(&id, matter.payment(payment).refund(refund));
        }
    }

    /// A step waits for its gateway: a person is told once, at once where only people can mend that,
    /// else after hours.
    fn waits(&mut self, id: &str, matter: Matter, at_once: bool) {
        let now = self.ctx.now;
        let since = *self.case.waiting.entry(id.into()).or_insert(now);
        let long = now.as_second() - since.as_second() > WORRY;
        if (at_once || long) && self.case.blocked.insert(id.into()) {
            self.person(&format!("blocked-{id}"), matter);
        }
    }

    /// A call without an answer for hours: a person is told once, while we go on asking.
    pub(super) fn alert_if_stalled(&mut self, payment: u32, refund: Option<u32>) -> Applied {
        let now = self.ctx.now;
        let intent = match refund {
            None => self.payment(payment)?.intent.as_ref(),
            Some(n) => self.our_refund(payment, n)?.intent.as_ref(),
        };
        let since = intent.map_or(now, |intent| intent.first_sent_at);
        let closing = intent.is_some_and(|intent| intent.step == Step::Close);
        let id = task_id(payment, refund);
        let (most, words) = match closing {
            true => (
                WORRY_ABOUT_PAGE,
                "The gateway does not say whether it ended the page of this payment, and another \
                 way to pay waits for that. It is still asked.",
            ),
            false => (
                WORRY,
                "The gateway has not said for hours what became of this call. It is still asked, \
                 under the same key.",
            ),
        };
        let long = now.as_second() - since.as_second() > most;
        let told = self.case.contradicted.contains(&id) || self.case.asked.contains(&id);
        if long && !told && self.case.blocked.insert(id.clone()) {
            let matter = Matter::of(Alert::UnknownOutcome)
                .payment(payment)
                .refund(refund);
            self.person(&format!("blocked-{id}"), matter.words(words));
        }
        Ok(())
    }

    /// It is asked again, the more rarely the longer it has been so, and people are told once. A
    /// call that was answered so may have acted or not.
    pub(super) fn contradicted(
        &mut self,
        payment: u32,
        refund: Option<u32>,
        call: bool,
        note: &str,
    ) -> Applied {
        let (id, now) = (task_id(payment, refund), self.ctx.now);
        let first = self.case.contradicted.insert(id.clone());
        let intent = match refund {
            None => &self.payment(payment)?.intent,
            Some(n) => &self.our_refund(payment, n)?.intent,
        };
        let since = intent.as_ref().filter(|_| call).map(|i| i.first_sent_at);
        let mut alert = Alert::Contradiction;
        if let Some(since) = since
            && self.reply_lost(payment, refund).is_ok()
        {
            alert = Alert::UnknownOutcome;
            let age = now.as_second() - since.as_second();
            let due = time::after(now, age.clamp(JUDGED[0], JUDGED[1]));
            let of_call = self.tasks.iter_mut().filter(|task| task.id == id);
            of_call.for_each(|task| task.due = due);
        } else if !first {
            return Err(Verdict::Nothing);
        }
        self.what = "contradicted";
        if first {
            let matter = Matter::of(alert).payment(payment).refund(refund);
            self.person(&format!("contradiction-{id}"), matter.words(note));
        }
        Ok(())
    }

    /// People judge it by another task, or nothing contradicts any more.
    pub(super) fn judged_by_people(&mut self, id: &str) {
        if self.case.contradicted.remove(id) {
            self.done.push(format!("person-contradiction-{id}"));
        }
    }

    pub(super) fn not_done(&mut self, not_done: &NotDone) -> Applied {
        self.what = "gateway_busy";
        let NotDone {
            payment,
            refund,
            retry_at,
            never,
            note,
        } = not_done;
        let (payment, refund) = (*payment, *refund);
        // After an unknown outcome "not now" says nothing of the first try: its key is kept.
        let work = match refund {
            None => self.payment_not_done(payment, *never)?,
            Some(n) => self.refund_not_done(payment, n, *never)?,
        };
        let id = task_id(payment, refund);
        // Tried again and again until it is mended.
        let alert = match work {
            Work::Settle { .. } => Alert::UnknownOutcome,
            _ => Alert::Blocked,
        };
        let silent = || "It has not taken this call for hours.".into();
        let words = note.clone().unwrap_or_else(silent);
        let matter = Matter::of(alert).payment(payment).refund(refund);
        self.waits(&id, matter.words(words), note.is_some());
        self.tasks.push(Task {
            id,
            work,
            due: *retry_at,
        });
        Ok(())
    }

    /// What is tried again of a payment.
    fn payment_not_done(&mut self, payment: u32, never: bool) -> Result<Work, Verdict> {
        let now = self.ctx.now;
        let paying = self.payment(payment)?;
        let step = paying
            .intent
            .as_ref()
            .map(|i| i.step)
            .or(paying.next_step());
        let Some(step) = step.filter(|_| paying.may_bring()) else {
            return Err(Verdict::Nothing);
        };
        if overtaken(paying.intent.as_ref(), never, now) {
            return Err(Verdict::Nothing);
        }
        Ok(if step == Step::Close {
            paying.intent = None;
            Work::Pay { payment, step }
        } else if paying.state == State::Unknown && !never {
            // Nobody is calling meanwhile: people may say what they found.
            paying.intent.iter_mut().for_each(|i| i.lease_until = now);
            Work::Settle {
                payment,
                refund: None,
                tries: 1,
            }
        } else {
            paying.intent = None;
            let waiting = step == Step::Complete;
            paying.state = if waiting { State::Pending } else { State::Open };
            Work::Pay { payment, step }
        })
    }

    /// What is tried again of a refund.
    fn refund_not_done(&mut self, payment: u32, n: u32, never: bool) -> Result<Work, Verdict> {
        let now = self.ctx.now;
        let refund = self.our_refund(payment, n)?;
        if overtaken(refund.intent.as_ref(), never, now) {
            return Err(Verdict::Nothing);
        }
        Ok(match refund.state {
            // The gateway has it: a late word of another try changes nothing.
            refund::State::Executing if refund.intent.is_none() => {
                return Err(Verdict::Nothing);
            }
            refund::State::Unknown if !never => {
                refund.intent.iter_mut().for_each(|i| i.lease_until = now);
                Work::Settle {
                    payment,
                    refund: Some(n),
                    tries: 1,
                }
            }
            refund::State::Requested | refund::State::Executing | refund::State::Unknown => {
                refund.intent = None;
                refund.state = refund::State::Requested;
                Work::Refund { refund: n }
            }
            refund::State::AwaitingApproval
            | refund::State::Succeeded
            | refund::State::Failed
            | refund::State::Rejected => return Err(Verdict::Nothing),
        })
    }

    /// Whether it is open and no call is due, under way, or lost unnoticed: each of those has a
    /// row of its own that must not be replaced.
    pub(super) fn only_asking_helps(
        &mut self,
        payment: u32,
        refund: Option<u32>,
    ) -> Result<bool, Verdict> {
        let now = self.ctx.now;
        let (unknown, accepted, intent) = match refund {
            None => {
                let paying = self.payment(payment)?;
                let accepted = paying.may_bring() && paying.next_step().is_none();
                (paying.state == State::Unknown, accepted, &paying.intent)
            }
            Some(n) => {
                let refund = self.our_refund(payment, n)?;
                let accepted = refund.state == refund::State::Executing;
                (
                    refund.state == refund::State::Unknown,
                    accepted,
                    &refund.intent,
                )
            }
        };
        Ok(match intent {
            Some(intent) => unknown && !intent.is_leased(now),
            None => accepted,
        })
    }

    pub(super) fn session_opened(&mut self, n: u32, session: &Session) -> Applied {
        self.what = "checkout_opened";
        let payment = self.payment(n)?;
        if payment.session.is_some() {
            return Err(Verdict::Nothing);
        }
        payment.aliases.insert(session.id.clone());
        payment.session = Some(session.clone());
        payment.intent = None;
        let (under_way, ending) = (payment.state.is_under_way(), payment.is_ending());
        self.unblocked(n, None);
        if ending {
            self.close_page(n);
        } else if under_way {
            self.poll(n);
            self.tell(Topic::CheckoutReady, Some(n), None);
        }
        Ok(())
    }

    /// The gateway answers again.
    pub(super) fn unblocked(&mut self, payment: u32, refund: Option<u32>) {
        let id = task_id(payment, refund);
        self.judged_by_people(&id);
        self.waits_no_more(&id);
    }

    pub(super) fn waits_no_more(&mut self, id: &str) {
        self.case.waiting.remove(id);
        if self.case.blocked.remove(id) {
            self.done.push(format!("person-blocked-{id}"));
        }
    }
}

/// A look-up that found nothing knows nothing of a call that was made since.
fn overtaken(intent: Option<&Intent>, never: bool, now: Timestamp) -> bool {
    never && intent.is_some_and(|i| i.is_leased(now))
}

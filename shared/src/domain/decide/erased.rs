//! The patient was erased: nothing is charged by itself any more, nobody is sent to a page, and no
//! method is kept. What is under way goes on, and what is due all the same is a task.

use super::*;

impl Draft<'_> {
    pub(super) fn erased(&mut self) -> Applied {
        self.what = "patient_erased";
        if let Some(retry) = self.case.retry.clone() {
            self.no_retry(retry.payment);
        }
        for n in self.numbers() {
            let payment = self.payment(n)?;
            payment.keep_method = false;
            let unbegun = payment.is_unbegun();
            if payment.ending.is_none() && (unbegun || payment.gives_way()) {
                self.give_way(n);
            }
        }
        Ok(())
    }
}

//! Conversations with vendors: an adapter's function that needs replies is run until it has them all.

use super::{App, accounts};
use crate::contract::{Account, Key, Pause, Reply, Request, Talk, Trouble, Vendor};
use std::time::{Duration, Instant};

/// So many calls for one answer at the most: a list that is longer is read in portions.
const MOST: usize = 12;
/// No call of a conversation begins later: the function that holds it has other things to do.
const LONGEST: Duration = Duration::from_secs(15);

/// A clinic's line to a vendor.
#[derive(Clone, Copy)]
pub struct Line<'a> {
    pub app: &'a App,
    pub clinic: &'a str,
    pub vendor: &'a Vendor,
    pub account: &'a Account,
}

/// What a key is, and how the vendor takes it.
pub type Keyed<'a> = Option<(Key, &'a str)>;

impl Line<'_> {
    /// One call.
    pub async fn call(&self, request: &Request, keyed: Keyed<'_>) -> Result<Reply, Trouble> {
        let spelled = keyed.map(|(key, text)| key.spelled(text).map(|text| (key.place, text)));
        let spelled = spelled.transpose()?;
        let key = spelled
            .as_ref()
            .map(|(place, text)| (*place, text.as_str()));
        let (app, clinic) = (self.app, self.clinic);
        accounts::call(app, clinic, self.vendor, self.account, request, key).await
    }

    /// Comes to an answer by as many calls as it takes, each under a key of its own where there is
    /// one: `{key}-1`, `{key}-2`, ….
    pub async fn converse<Answer>(
        &self,
        keyed: Keyed<'_>,
        read: impl Fn(&mut Talk) -> Result<Answer, Pause>,
    ) -> Result<Answer, Trouble> {
        self.talk(&mut Talk::default(), keyed, read).await
    }

    /// The same of a look for what may have been made. A refusal of the look itself says nothing of
    /// what it looks for.
    pub async fn look<Answer>(
        &self,
        read: impl Fn(&mut Talk) -> Result<Answer, Pause>,
    ) -> Result<Answer, Trouble> {
        let mut talk = Talk::default();
        match self.talk(&mut talk, None, read).await {
            Err(Trouble::Rejected(why)) if !talk.last().is_some_and(Reply::is_success) => {
                Err(Trouble::Unclear(why))
            }
            answer => answer,
        }
    }

    /// The same before anything is sent that acts: whatever goes wrong, nothing has happened.
    pub async fn prepare<Answer>(
        &self,
        read: impl Fn(&mut Talk) -> Result<Answer, Pause>,
    ) -> Result<Answer, Trouble> {
        self.converse(None, read).await.map_err(before_sending)
    }

    async fn talk<Answer>(
        &self,
        talk: &mut Talk,
        keyed: Keyed<'_>,
        read: impl Fn(&mut Talk) -> Result<Answer, Pause>,
    ) -> Result<Answer, Trouble> {
        let begun = Instant::now();
        loop {
            let request = match read(talk) {
                Ok(answer) => return Ok(answer),
                Err(Pause::Trouble(trouble)) => return Err(trouble),
                Err(Pause::Ask(request)) => request,
            };
            if talk.calls() == MOST || begun.elapsed() > LONGEST {
                let why = format!("no end after {} calls", talk.calls());
                return Err(Trouble::Unclear(why));
            }
            let key = keyed.map(|(key, text)| (key, format!("{text}-{}", talk.calls() + 1)));
            let key = key.as_ref().map(|(key, text)| (*key, text.as_str()));
            let reply = self.call(&request, key).await?;
            talk.hear(*request, reply);
        }
    }
}

/// A trouble of what is read before a call: what was not answered is asked again before long.
fn before_sending(trouble: Trouble) -> Trouble {
    let again = |why: String| Trouble::later(30, &why);
    match trouble {
        Trouble::Unclear(why) => again(why),
        Trouble::InFlight | Trouble::Exists(_) => again("it could not be looked at".into()),
        Trouble::Unreadable(why) => Trouble::Rejected(why),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_wrong_before_a_call_never_counts_as_having_happened() {
        for trouble in [
            Trouble::Unclear("silence".into()),
            Trouble::InFlight,
            Trouble::Exists("x".into()),
            Trouble::Unreadable("odd".into()),
            Trouble::Rejected("no".into()),
            Trouble::Missing,
        ] {
            let before = before_sending(trouble.clone());
            assert!(!before.may_have_happened(), "{trouble} is {before}");
        }
    }
}

//! A conversation with a vendor: an adapter's function that needs replies, written as if it had all
//! of them.

use super::call::{Reply, Request, Trouble};
use super::vendor::Account;
use crate::words::money::BadAmount;

/// Comes to an answer by as many calls as it takes. They change nothing at the vendor, or only what
/// may be made twice: a page that nobody was sent to.
pub type Read<Ask, Answer> = fn(&Ask, &mut Talk, &Account) -> Result<Answer, Pause>;

/// What was asked so far, each with its reply.
///
/// [`Talk::ask`] gives a reply that is there, and ends the function with the question where it is
/// not; whoever drives it puts the question and runs the function again from its beginning. An
/// adapter is pure, so it asks the same again and comes one step further.
#[derive(Debug, Default)]
pub struct Talk {
    heard: Vec<(Request, Reply)>,
    at: usize,
}

/// Why a function did not come to its end.
#[derive(Debug)]
pub enum Pause {
    /// This must be asked first.
    Ask(Box<Request>),
    /// It comes to nothing, for this reason.
    Trouble(Trouble),
}

impl Talk {
    /// The reply to this request.
    pub fn ask(&mut self, request: Request) -> Result<&Reply, Pause> {
        let at = self.at;
        self.at += 1;
        match self.heard.get(at) {
            Some((asked, reply)) if *asked == request => Ok(reply),
            Some(_) => Err(Trouble::Unreadable("it was asked otherwise before".into()).into()),
            None => Err(Pause::Ask(Box::new(request))),
        }
    }

    /// The reply to what was asked. The function is to be run anew.
    pub fn hear(&mut self, request: Request, reply: Reply) {
        self.heard.push((request, reply));
        self.at = 0;
    }

    /// How many calls were made.
    pub fn calls(&self) -> usize {
        self.heard.len()
    }

    /// The newest reply.
    pub fn last(&self) -> Option<&Reply> {
        self.heard.last().map(|(_, reply)| reply)
    }
}

impl From<Trouble> for Pause {
    fn from(why: Trouble) -> Self {
        Self::Trouble(why)
    }
}

impl From<BadAmount> for Pause {
    /// What we would send cannot be written as the vendor counts: nothing is sent.
    fn from(why: BadAmount) -> Self {
        Self::Trouble(Trouble::Rejected(why.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn reply(body: &Value) -> Reply {
        Reply {
            status: 200,
            headers: vec![],
            body: body.to_string().into(),
        }
    }

    fn two(page: &str, talk: &mut Talk) -> Result<String, Pause> {
        let first: Value = talk.ask(Request::get(page))?.json()?;
        let path = first["next"].as_str().unwrap_or_default().to_owned();
        let second: Value = talk.ask(Request::get(path))?.json()?;
        Ok(second["end"].to_string())
    }

    #[test]
    fn what_a_later_question_needs_is_there_when_it_is_asked() {
        let mut talk = Talk::default();
        for answer in [json!({"next": "/b"}), json!({"end": 7})] {
            let Err(Pause::Ask(request)) = two("/a", &mut talk) else {
                panic!("it is not asked");
            };
            let path = ["/a", "/b"][talk.calls()];
            assert_eq!(request.path, path);
            talk.hear(*request, reply(&answer));
        }
        assert_eq!(two("/a", &mut talk).expect("an end"), "7");
    }

    #[test]
    fn who_asks_otherwise_than_before_is_given_nobody_elses_reply() {
        let mut talk = Talk::default();
        talk.hear(Request::get("/a"), reply(&json!({"next": "/b"})));
        let end = two("/other", &mut talk);
        assert!(
            matches!(end, Err(Pause::Trouble(Trouble::Unreadable(_)))),
            "{end:?}"
        );
    }
}

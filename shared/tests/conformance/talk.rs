//! Plays a vendor's part of a conversation with an adapter.

use meridian::contract::{Account, Pause, Read, Reply, Request, Talk, Trouble};

/// Runs an adapter's function with these replies, in order: what it asked, and its end. What it asks
/// beyond them stays unanswered.
pub fn talked<Ask: ?Sized, Answer>(
    read: Read<Ask, Answer>,
    ask: &Ask,
    account: &Account,
    replies: &[Reply],
) -> (Vec<Request>, Result<Answer, Trouble>) {
    let (mut talk, mut asked) = (Talk::default(), vec![]);
    let mut replies = replies.iter();
    loop {
        match read(ask, &mut talk, account) {
            Ok(answer) => return (asked, Ok(answer)),
            Err(Pause::Trouble(trouble)) => return (asked, Err(trouble)),
            Err(Pause::Ask(request)) => {
                asked.push((*request).clone());
                let Some(reply) = replies.next() else {
                    return (asked, Err(Trouble::Unclear("not answered".into())));
                };
                talk.hear(*request, reply.clone());
            }
        }
    }
}

/// What is asked first.
pub fn first<Ask: ?Sized, Answer>(
    read: Read<Ask, Answer>,
    ask: &Ask,
    account: &Account,
) -> Request {
    let (mut asked, end) = talked(read, ask, account, &[]);
    assert!(!asked.is_empty(), "it asks nothing: {:?}", end.err());
    asked.remove(0)
}

/// What is made of these replies.
pub fn heard<Ask: ?Sized, Answer>(
    read: Read<Ask, Answer>,
    ask: &Ask,
    account: &Account,
    replies: &[Reply],
) -> Result<Answer, Trouble> {
    talked(read, ask, account, replies).1
}
